# tune: without a card it says so as other commands do; devices that do each step in one way are told
# so; the engine stays as it was.  A card of paper is tuned by unit.tune, a real one by gpu-check.
try 0 build "$tiny_fp8" -o e.octavo --quiet
cp e.octavo before.octavo
fails 64 INVALID_ARGUMENT tune
fails 64 INVALID_ARGUMENT tune e.octavo --seconds 0
for batches in 0 1, x 4097; do
    fails 64 INVALID_ARGUMENT tune e.octavo --batch "$batches"
done
for device in cpu ref; do
    fails 64 INVALID_ARGUMENT tune e.octavo --device "$device"
    err "nothing to tune: device $device does each step in one way"
done
fails 64 INVALID_ARGUMENT tune e.octavo --device gpu
fails 66 NOT_FOUND tune nowhere.octavo
printf 'this is no engine' >bad.octavo
fails 65 CORRUPT tune bad.octavo
if ! "$octavo" doctor | grep -q '^cuda:0'; then
    for device in cuda cuda:0 auto; do
        fails 69 UNAVAILABLE tune e.octavo --device "$device"
        err 'device cuda(:0)?: there is no NVIDIA driver|sees no device'
    done
fi
same e.octavo before.octavo
fails 64 INVALID_ARGUMENT tune e.octavo --device cpu -o other.octavo
no_file other.octavo
try 0 inspect e.octavo --json
json "it['tuned'] == []"
try 0 explain e.octavo --disable tuned --json
json "[s for s in it['savings'] if s['name'] == 'tuned'] == [{'name': 'tuned', 'on': False, 'text': it['savings'][-1]['text']}]"
json "not any('choice' in s for p in it['programs'] for s in p['steps'])"
