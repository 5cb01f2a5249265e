# embed, classify and search: images and texts in order, bad ones told, three formats.
try 0 build "$tiny" -o e.octavo --quiet
mkdir -p images/sub
cp "$data/preprocess/jpeg_444.jpg" images/b.jpg
cp "$data/preprocess/png_gray.png" images/a.png
cp "$data/preprocess/webp_lossless.webp" images/sub/c.WEBP
echo licences >images/notes.txt
head -c 300 images/b.jpg >bad.jpg
printf 'a red bicycle\r\n\nthe last line' >texts.txt

try 0 embed e.octavo images --text 'a bird' --texts texts.txt -o out.jsonl
out '3 images and 4 texts'
err 'images: 1 file without an image'
if [ -n "$python" ]; then
    assert "rows are not in order" "$python" -c '
import json
rows = [json.loads(line) for line in open("out.jsonl")]
assert [r.get("file") for r in rows[:3]] == ["images/a.png", "images/b.jpg", "images/sub/c.WEBP"]
assert [r.get("text") for r in rows[3:]] == ["a bird", "a red bicycle", "", "the last line"]
for row in rows:
    assert abs(sum(v * v for v in row["embedding"]) - 1) < 1e-5'
    try 0 embed e.octavo images --text 'a bird' --texts texts.txt -o out.npy --json --quiet --batch 2
    json "(it['images'], it['texts'], it['skipped']) == (3, 4, [])"
    assert "the .npy file is not the .jsonl file" "$python" -c '
import ast, json, struct
raw = open("out.npy", "rb").read()
assert raw[:8] == b"\x93NUMPY\x01\x00"
size = struct.unpack("<H", raw[8:10])[0]
head = ast.literal_eval(raw[10 : 10 + size].decode())
rows = [json.loads(line)["embedding"] for line in open("out.jsonl")]
assert head == {"descr": "<f4", "fortran_order": False, "shape": (7, len(rows[0]))}
assert (10 + size) % 64 == 0
values = struct.unpack("<%df" % (7 * len(rows[0])), raw[10 + size :])
assert all(abs(a - b) < 1e-6 for a, b in zip(values, sum(rows, [])))'
fi
try 0 embed e.octavo images/a.png --text 'say "hi"' -o out.safetensors --quiet
assert "names are not in the file" grep -aq '\["images/a.png","say \\"hi\\""\]' out.safetensors
no_err

try 65 embed e.octavo images/a.png bad.jpg images/b.jpg -o skip.jsonl
err '^octavo: skipped \(bad.jpg'
assert "the others are not there" test "$(wc -l <skip.jsonl)" -eq 2
try 65 embed e.octavo images/a.png bad.jpg -o skip.jsonl --json
json "it['images'] == 1 and it['skipped'][0]['file'] == 'bad.jpg'"
fails 65 CORRUPT embed e.octavo bad.jpg images/a.png -o fast.npy --fail-fast
no_file fast.npy
try 65 embed e.octavo bad.jpg -o none.npy
no_file none.npy
fails 66 NOT_FOUND embed e.octavo images/a.png nowhere.png -o none.npy
fails 73 CANNOT_CREATE embed e.octavo images/a.png -o nowhere/out.npy
long=$(awk 'BEGIN { for (i = 0; i < 200; i++) printf "word " }')
try 0 embed e.octavo --text "$long" -o long.npy
err 'a text has [0-9]+ tokens, the model takes [0-9]+: it was cut'

printf 'a photo of a {}.\na drawing of the {}.\n' >templates.txt
try 0 classify e.octavo images --labels 'a bird, a car,a tree' --templates templates.txt --quiet
out '^images/a.png +a (bird|car|tree) +[0-9.]+ %'
try 0 classify e.octavo images/a.png images/b.jpg --labels 'a bird,a car,a tree' --top 2 --json
json "[r['file'] for r in it['results']] == ['images/a.png', 'images/b.jpg']"
json "all(len(r['labels']) == 2 and r['labels'][0]['score'] >= r['labels'][1]['score'] for r in it['results'])"
printf 'a bird\na car\n' >labels.txt
try 0 classify e.octavo images/a.png --labels-file labels.txt --json
json "abs(sum(l['score'] for l in it['results'][0]['labels']) - 1) < 1e-5"
try 65 classify e.octavo bad.jpg images/a.png --labels 'a bird,a car' --json
json "len(it['results']) == 1 and len(it['skipped']) == 1"

try 0 search e.octavo images --text 'a bird' --top 2 --json --quiet
json "len(it['results']) == 2 and it['results'][0]['score'] >= it['results'][1]['score']"
try 0 search e.octavo images --text 'a bird' --text 'a car' --quiet
out '^ *-?[01]\.[0-9]{4}  images/'
assert "a temporary file is left" test -z "$(find . -name '*.tmp')"
