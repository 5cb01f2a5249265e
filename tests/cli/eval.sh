# eval: accuracy over folders, comparison of two engines, and its gate.
try 0 build "$tiny" -o a.octavo --quiet
try 0 build "$tiny_fp8" -o b.octavo --quiet
mkdir -p data/one data/two
cp "$data"/preprocess/jpeg_4*.jpg data/one/
cp "$data"/preprocess/png_*.png data/two/
cat >data/labels.json <<'JSON'
{"templates": ["a photo of a {}.", "the {}"], "classes": {"one": "bird", "two": "car"}}
JSON
try 0 eval a.octavo --data data
out 'images, 2 classes, [0-9.]+ images/s$'
out '^  top-1 +[0-9.]+ %'
try 0 eval a.octavo --data data --against b.octavo --predictions predictions.json --json --batch 3
json "set(it) >= {'images', 'top1', 'top5', 'top1_ci95', 'images_per_s', 'agreement', 'cosine_mean', 'cosine_min', 'delta_top1', 'mcnemar_p'}"
json "len(json.load(open('predictions.json'))['files']) == it['images'] and it['top5'] == 1"
try 0 eval a.octavo --data data --against a.octavo --max-drop 0 --json
json "it['agreement'] == 1 and it['cosine_min'] > 0.999999 and it['delta_top1'] == 0"
fails 66 NOT_FOUND eval a.octavo --data data --labels nowhere.json
printf '{"templates": ["{}"]' >bad.json
fails 65 CORRUPT eval a.octavo --data data --labels bad.json
printf '{"templates": ["{}"], "classes": {"three": "x"}}' >three.json
fails 66 NOT_FOUND eval a.octavo --data data --labels three.json
