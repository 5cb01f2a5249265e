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

# Lists: lines or a JSON array; what is not UTF-8 is refused with its byte.
printf '[\n"a bird",\n"a car"\n]\n' >labels.json
try 0 classify e.octavo images/a.png --labels-file labels.json --json
json "{l['label'] for l in it['results'][0]['labels']} == {'a bird', 'a car'}"
printf '["a text", ""]' >texts.json
try 0 embed e.octavo --texts texts.json -o list.jsonl
out '0 images and 2 texts, '
printf 'caf\351\npyramid\n' >latin1.txt
fails 65 CORRUPT classify e.octavo images/a.png --labels-file latin1.txt
err 'latin1.txt.*line 1 is not UTF-8: 0xe9 at byte 3'
fails 65 CORRUPT embed e.octavo --texts latin1.txt -o list.jsonl
printf '{"a bird": 0}' >object.json
fails 65 CORRUPT classify e.octavo images/a.png --labels-file object.json
err 'holds a JSON object; a list is an array'

# Every place for the label is filled; labels that come again are told.
printf '{} next to a {}\n' >two.txt
try 0 classify e.octavo images/a.png --labels 'a bird,a car' --templates two.txt --json
cp "$work/out" holes.json
printf 'a bird next to a a bird\na car next to a a car\n' >filled.txt
try 0 classify e.octavo images/a.png --labels-file filled.txt --json
assert "a place for the label stays empty" test "$(sed 's/ next to a a [a-z]*//g' "$work/out")" = "$(cat holes.json)"
try 0 classify e.octavo images/a.png --labels 'a bird,a car,a bird'
err 'label 3 is label 1 again'

# Links to nothing are told as files that cannot be read are.
ln -s ../annex/gone images/d.jpg
try 65 embed e.octavo images -o link.jsonl --json --quiet
json "it['images'] == 3 and 'annex/gone' in it['skipped'][0]['message']"
try 65 classify e.octavo images --labels 'a bird,a car' --quiet
err 'skipped \(images/d.jpg\): .*it is a link to ../annex/gone, which is not there'
fails 65 CORRUPT embed e.octavo images/d.jpg -o link.jsonl
err 'it is a link to'
try 0 embed e.octavo images/a.png --text 'one text' -o one.npy
out '1 image and 1 text, '
