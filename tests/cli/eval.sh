# eval: accuracy over folders, comparison of two engines, and its gate.
try 0 build "$tiny" -o a.octavo --quiet
try 0 build "$tiny_fp8" -o b.octavo --quiet
mkdir -p data/one/deeper data/two
cp "$data"/preprocess/jpeg_4*.jpg data/one/
mv data/one/jpeg_444.jpg data/one/deeper/
cp "$data"/preprocess/png_*.png data/two/
cat >data/labels.json <<'JSON'
{"templates": ["a photo of a {}.", "the {} of {}"], "classes": {"one": "bird", "two": "car"}}
JSON
try 0 eval a.octavo --data data
no_err
out '^a.octavo on data: 13 images, 2 classes, [0-9.]+ images/s$'
out '^  top-1 +[0-9.]+ %'
try 0 eval a.octavo --data data --against b.octavo --predictions predictions.json --json --batch 3
json "set(it) >= {'images', 'top1', 'top5', 'top1_ci95', 'images_per_s', 'agreement', 'cosine_mean', 'cosine_min', 'delta_top1', 'mcnemar_p'}"
json "len(json.load(open('predictions.json'))['files']) == it['images'] and it['top5'] == 1"
try 0 eval a.octavo --data data --against a.octavo --max-drop 0 --json
json "it['agreement'] == 1 and it['cosine_min'] > 0.999999 and it['delta_top1'] == 0"
json "it['gate'] == {'max_drop_points': 0, 'drop_points': 0, 'p': 1, 'significance': 0.05, 'passed': True}"
fails 66 NOT_FOUND eval a.octavo --data data --labels nowhere.json
err '"classes": \{"FOLDER": "LABEL"\}'
printf '{"templates": ["{}"]' >bad.json
fails 65 CORRUPT eval a.octavo --data data --labels bad.json
printf '{"templates": ["{}"], "classes": {"three": "x"}}' >three.json
fails 66 NOT_FOUND eval a.octavo --data data --labels three.json
printf '{"templates": ["{}", "a {c}"], "classes": {"one": "x"}}' >holeless.json
fails 64 INVALID_ARGUMENT eval a.octavo --data data --labels holeless.json
err 'holeless.json.*template 2 has no \{\}'

# What is left out is told: folders without a class, files that are no images, links to nothing.
printf '{"classes": {"one": "bird"}}' >one.json
try 0 eval a.octavo --data data --labels one.json
out '^a.octavo on data: 3 images, 1 class, '
err 'folder two is not in one.json: 10 images are left out'
printf '{"classes": {"one": "bird", "two": "bird"}}' >same.json
try 0 eval a.octavo --data data --labels same.json
err 'label 2 is label 1 again, with the same score: "bird"'
ln -s ../annex/gone data/two/gone.png
echo notes >data/two/notes.txt
try 65 eval a.octavo --data data
out '^a.octavo on data: 13 images'
err 'skipped \(data/two/gone.png\): .*it is a link to ../annex/gone, which is not there'
err '1 image could not be read and is not counted'
err '1 file without an image.s suffix is left out'
rm data/two/gone.png data/two/notes.txt

# The gate fails for a drop that is no chance, and for no other.  Each image lies where engine a puts
# it; engine c has other weights: of images that c puts elsewhere 4 may be chance (p = 1/16), 5 may
# not (1/32).
if [ -n "$python" ]; then
    try 0 build "$tiny/../geometry-f32" -o c.octavo --quiet
    mkdir all all/bird all/car
    cp "$data"/preprocess/*.jpg "$data"/preprocess/*.png "$data"/preprocess/*.webp all/bird/
    printf '{"classes": {"bird": "red", "car": "blue"}}' >all/labels.json
    for engine in a c; do
        try 0 eval $engine.octavo --data all --predictions $engine.json --quiet
    done
    for wrong in 4 5; do
        "$python" - $wrong <<'PYTHON'
import json, os, shutil, sys
a, c = ({f["file"]: f["predicted"] for f in json.load(open(n))["files"]} for n in ("a.json", "c.json"))
wrong = [f for f in a if a[f] != c[f]][: int(sys.argv[1])]
right = [f for f in a if a[f] == c[f]][:8]
assert len(wrong) == int(sys.argv[1]) and len(right) == 8
for label in ("bird", "car"):
    os.makedirs(f"gate{sys.argv[1]}/{label}")
for f in wrong + right:
    shutil.copy("all/" + f, f"gate{sys.argv[1]}/{a[f]}")
PYTHON
        cp all/labels.json gate$wrong/
    done
    try 0 eval c.octavo --data gate4 --against a.octavo --max-drop 5
    err 'top-1 is 33.33 points lower.* may be chance \(p = 0.062'
    try 1 eval c.octavo --data gate5 --against a.octavo --max-drop 5
    err 'top-1 is 38.46 points lower, --max-drop allows 5.00.* p = 0.031'
    try 1 eval c.octavo --data gate5 --against a.octavo --max-drop 5 --json
    json "it['gate']['passed'] is False and it['gate']['p'] == 0.03125 and it['mcnemar_p'] == 0.0625"
    try 0 eval c.octavo --data gate5 --against a.octavo --max-drop 40
    no_err
fi
