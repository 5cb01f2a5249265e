# The bundled model on the bundled photographs: it must know what it sees.
if [ -d "$mini" ] && [ -d "$photos" ]; then
    try 0 build "$mini" -o mini.octavo --json
    json "it['engine_bytes'] < 1.1 * it['checkpoint_bytes'] + 3e6"
    try 0 classify mini.octavo "$photos" --json --quiet --labels 'rooster,pigeon,flamingo,strawberry,elephant,stop sign,motorbike,watch'
    json "len(it['results']) >= 6 and it['skipped'] == []"
    try 0 search mini.octavo "$photos" --text 'a photo of a flamingo' --top 1 --json --quiet
    json "'flamingo' in it['results'][0]['file']"
else
    skip "there is no $mini or no $photos"
fi
