# quantize: an FP8 folder that build takes; it appears whole or not at all.
printf 'a photo of a bird\na red car\n' >texts.txt
mkdir images
cp "$data/preprocess/jpeg_444.jpg" "$data/preprocess/png_gray.png" images/
try 0 quantize "$tiny" --images images --texts texts.txt -o fp8
out 'modules in FP8, calibrated on 2 images and 2 texts'
file fp8/model.safetensors
try 0 build fp8 -o e.octavo --json
json "any(o['weight'] == 'F8_E4M3' and o['acts'] == 'F8_E4M3' for t in it['towers'] for o in t['operands'])"
try 0 quantize "$tiny" --images images --texts texts.txt -o ct --layout compressed-tensors --method mse --limit 1 --json
json "it['images'] == 1 and it['modules']"
fails 73 CANNOT_CREATE quantize "$tiny" --images images --texts texts.txt -o fp8
fails 66 NOT_FOUND quantize "$tiny" --images nowhere --texts texts.txt -o x
no_file x
assert "a temporary folder is left" test -z "$(find . -name '*.tmp')"
