# widen: a 16-bit folder that computes what --precision f16 does, and can be quantized anew.
try 0 widen "$tiny_fp8" -o wide
out '^wide: [0-9]+ modules from FP8 to f16$'
file wide/model.safetensors
assert "it still speaks of quantization" sh -c "! grep -q quant wide/config.json && ! ls wide/hf_quant_config.json"
try 0 build wide -o a.octavo --json
json "not any(o['weight'].startswith('F8') for t in it['towers'] for o in t['operands'])"
try 0 build "$tiny_fp8" -o b.octavo --precision f16 --quiet
for engine in a b; do
    try 0 run $engine.octavo --inputs "$tiny_fp8/reference.safetensors" --outputs $engine.safetensors --quiet
done
same a.safetensors b.safetensors
printf 'a photo of a bird\na red car\n' >texts.txt
try 0 quantize wide --images "$photos" --texts texts.txt -o again --quiet
try 0 build again -o c.octavo --json
json "any(o['weight'] == 'F8_E4M3' for t in it['towers'] for o in t['operands'])"
try 0 widen "$tiny_fp8" -o wide16 --precision bf16 --json
json "it['modules'] == 24 and it['precision'] == 'bf16'"
fails 64 INVALID_ARGUMENT widen "$tiny" -o x
err 'nothing to widen'
fails 73 CANNOT_CREATE widen "$tiny_fp8" -o wide
fails 66 NOT_FOUND widen nowhere -o x
no_file x
assert "a temporary folder is left" test -z "$(find . -name '*.tmp')"
