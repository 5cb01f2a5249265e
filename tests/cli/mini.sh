# The bundled model on the bundled photographs: it must know what it sees.
if [ -d "$mini" ] && [ -d "$photos" ]; then
    try 0 build "$mini" -o mini.octavo --json
    json "it['engine_bytes'] < 1.1 * it['checkpoint_bytes'] + 3e6"
    echo 'a photo of a {}.' >templates.txt
    try 0 classify mini.octavo "$photos" --labels-file "$photos/labels.txt" --templates templates.txt --json --quiet
    json "len(it['results']) >= 6 and it['skipped'] == []"
    json "all(r['labels'][0]['label'].replace(' ', '_') in r['file'] for r in it['results'])"
    try 0 search mini.octavo "$photos" --text 'a photo of a red panda' --top 1 --json --quiet
    json "'red_panda' in it['results'][0]['file']"
    # as the README does it: widened, quantized anew on the photographs, it still knows them
    try 0 widen "$mini" -o wide
    out '^wide: 84 modules from FP8 to f16$'
    try 0 quantize wide --images "$photos" --texts "$photos/labels.txt" -o again --quiet
    try 0 build again -o again.octavo --quiet
    try 0 classify again.octavo "$photos" --labels-file "$photos/labels.txt" --templates templates.txt --json --quiet
    json "all(r['labels'][0]['label'].replace(' ', '_') in r['file'] for r in it['results'])"
else
    skip "there is no $mini or no $photos"
fi
