# quantize: an FP8 folder that build takes; it appears whole or not at all.
printf 'a photo of a bird\na red car\n' >texts.txt
mkdir images
cp "$data/preprocess/jpeg_444.jpg" "$data/preprocess/png_gray.png" images/
try 0 quantize "$tiny" --images images --texts texts.txt -o fp8
out 'modules in FP8, calibrated on 2 images and 2 texts'
out '^ +times  module +range +saturated +error$'
out '^ +2  vision_model.encoder.layers.\*.mlp.fc1  +[0-9.]+( to [0-9.]+)? +[0-9.]+ % +[0-9.]+ %$'
out '^next: octavo build fp8 -o fp8.octavo; '
file fp8/model.safetensors
try 0 build fp8 -o e.octavo --json
json "any(o['weight'] == 'F8_E4M3' and o['acts'] == 'F8_E4M3' for t in it['towers'] for o in t['operands'])"
try 0 quantize "$tiny" --images images --texts texts.txt -o ct --layout compressed-tensors --method mse --limit 1 --json
json "it['images'] == 1 and it['modules']"
json "all(0.005 < m['input_error'] < 0.2 and 0.005 < m['weight_error'] < 0.1 and m['error'] >= m['input_error'] and abs(m['range'] / m['input_scale'] - 448) < 0.01 for m in it['modules'])"
# Both layouts hold the same model.
try 0 quantize "$tiny" --images images --texts texts.txt -o ct2 --layout compressed-tensors
no_file ct2/hf_quant_config.json
for folder in fp8 ct2; do
    try 0 build $folder -o $folder.octavo
    try 0 embed $folder.octavo images --text 'a red car' -o $folder.npy
done
same fp8.npy ct2.npy
fails 73 CANNOT_CREATE quantize "$tiny" --images images --texts texts.txt -o fp8
fails 66 NOT_FOUND quantize "$tiny" --images nowhere --texts texts.txt -o x
no_file x
assert "a temporary folder is left" test -z "$(find . -name '*.tmp')"
