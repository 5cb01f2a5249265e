# calibrate and drift: an engine gets a reference, data and logs are held against it.
cat >same.py <<'PY'
import struct, sys, zlib

def png(path, seed, dark):
    """48x32 pixels of two colours and noise that the seed decides."""
    state = seed * 2654435761 % 2**32
    rows = b""
    for y in range(32):
        rows += b"\0"
        for x in range(48):
            state = (state * 1664525 + 1013904223) % 2**32
            v = (state >> 24) // 2 + (96 if (x * (seed % 5 + 1) + y) % 16 < 8 else 0)
            rows += bytes(((v + seed * 7) % 256 // dark, v // dark, (v + seed * 3) % 200 // dark))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 48, 32, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))

folder, first, count, dark = sys.argv[1], *map(int, sys.argv[2:])
for i in range(first, first + count):
    png(f"{folder}/{i}.png", i, dark)
PY
mkdir learn clean dark
"$python" same.py learn 0 120 1
"$python" same.py clean 1000 200 1
"$python" same.py dark 1000 200 6
for i in 1 2 3 4 5 6 7 8; do
    printf 'a photo of %d birds\na red car, number %d\na house\nthe sea at %d\nsnow %d times\n' $i $i $i $i
done >texts.txt

try 0 build "$tiny_fp8" -o e.octavo --quiet
fails 66 NOT_FOUND drift e.octavo --images clean
err 'no reference statistics: octavo calibrate adds them'
fails 64 INVALID_ARGUMENT calibrate e.octavo
fails 66 NOT_FOUND calibrate e.octavo --images nowhere
fails 64 INVALID_ARGUMENT calibrate e.octavo --images learn --limit 20
err '20 images are too few for a reference, it takes 32'
cp e.octavo before.octavo
fails 73 CANNOT_CREATE calibrate e.octavo --images learn -o no/where.octavo
same e.octavo before.octavo
try 0 calibrate e.octavo --images learn --texts texts.txt
out 'e.octavo: learned from 120 images and 40 texts in '
try 0 inspect e.octavo --json
json "it['reference']['towers'] == [{'tower': 'image', 'rows': 120}, {'tower': 'text', 'rows': 40}]"
json "it['reference']['quantizers'] > 8 and it['sections'][-1]['name'] == 'REFERENCE'"
try 0 inspect e.octavo --verify
out '^reference statistics of 120 images and 40 texts, [0-9]+ quantizers$'
# The same data give the same bytes, in the place of the engine or elsewhere; a list is a folder's.
try 0 calibrate before.octavo --images learn --texts texts.txt -o again.octavo --json
json "it['images'] == 120 and it['texts'] == 40 and it['skipped'] == 0"
same e.octavo again.octavo
# Embeddings are what they were.
for engine in e before; do
    try 0 embed $engine.octavo learn --text 'a red car' -o $engine.npy
done
same e.npy before.npy

try 0 drift e.octavo --images clean --texts texts.txt --json
json "it['state'] == 'ok' and [t['tower'] for t in it['towers']] == ['image', 'text']"
json "it['towers'][0]['rows_watched'] == 200 and it['towers'][0]['window_rows'] == 200"
json "{s['name'] for s in it['towers'][0]['statistics']} >= {'mean', 'variance', 'mmd', 'norm', 'centroid', 'alignment', 'pixels', 'aspect', 'brightness', 'contrast', 'detail', 'warmth', 'saturation', 'underflow'}"
json "{s['name'] for s in it['towers'][1]['statistics']} >= {'mean', 'tokens', 'unknown', 'alignment'}"
json "all(s['sure'] <= s['distance'] and s['warning'] < s['alarm'] for t in it['towers'] for s in t['statistics'])"
json "all(abs(sum(s[k]) - 1) < 1e-5 for t in it['towers'] for s in t['statistics'] if 'now' in s for k in ('now', 'reference'))"
json "all(0 <= q['zeros'] <= 1 and q['range'] > 0 for q in it['towers'][0]['quantizers'])"
cp "$work/out" clean.json
try 1 drift e.octavo --images dark --plot dark.svg
out '^e: alarm$|: alarm$'
out '^ +image +brightness +alarm '
file dark.svg
assert "the picture is no XML" "$python" -c "import xml.dom.minidom as m; d = m.parse('dark.svg'); assert len(d.getElementsByTagName('polyline')) > 20"
try 1 drift e.octavo --images dark --json
json "it['state'] == 'alarm' and any(s['name'] == 'brightness' and s['state'] == 'alarm' for s in it['towers'][0]['statistics'])"
cp "$work/out" dark.json
try 0 drift e.octavo --images dark --tolerance 100 --quiet
no_out
try 1 drift e.octavo --images dark --window 64 --json
json "it['towers'][0]['window_rows'] <= 128 and len(it['towers'][0]['history']['rows']) > 8"
# Three texts are nothing to compare with hundreds; what an engine lacks is told.
try 0 drift e.octavo --texts texts.txt --limit 3 --json
json "it['towers'][1]['rows_watched'] == 3"

# What was noted: one report, and a log of them between other lines.
try 1 drift dark.json
try 0 drift clean.json --json
json "it['state'] == 'ok'"
{
    echo 'listening on 127.0.0.1:8000'
    cat clean.json
    printf '{"time":"2026-11-28T10:00:00Z","drift":'
    tr -d '\n' <dark.json
    echo '}'
    head -c 100 clean.json
} >log.jsonl
try 1 drift log.jsonl --plot log.svg
err '2 lines of the log are no drift report'
out ': alarm$'
file log.svg
printf 'nothing\n{"a":1}\n' >none.jsonl
fails 65 CORRUPT drift none.jsonl
fails 66 NOT_FOUND drift nowhere.jsonl
fails 65 CORRUPT drift e.octavo
# An image that cannot be read is left out and told.
echo 'no image' >clean/0.png
try 65 drift e.octavo --images clean
err 'clean/0.png'

# quantize leaves a reference of the FP8 model, build takes it along; a widened model has none.
try 0 quantize "$tiny" --images learn --texts texts.txt -o fp8
out 'With reference statistics, for octavo drift, of what it is like in FP8: 120 images, 40 texts'
file fp8/octavo_reference.json
no_file fp8/reference.octavo
try 0 build fp8 -o fp8.octavo --quiet
try 0 inspect fp8.octavo --json
json "it['reference']['towers'][0]['rows'] == 120 and it['reference']['quantizers'] > 8"
rm clean/0.png
try 0 drift fp8.octavo --images clean
try 0 build fp8 --precision f16 -o f16.octavo --quiet
try 0 inspect f16.octavo --json
json "it['reference'] is None"
echo '{"version":1}' >fp8/octavo_reference.json
fails 65 CORRUPT build fp8 -o x.octavo
