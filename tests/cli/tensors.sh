# run: tensors in, tensors out; the reference's embeddings must come out of the f32 checkpoint.
try 0 build "$tiny" -o e.octavo --quiet
try 0 run e.octavo --inputs "$tiny/reference.safetensors" --outputs out.safetensors
out '^image_embeds +8 x '
out '^logits_per_image +8 x 8'
err 'text_embeds in .* is ignored'
file out.safetensors
try 0 run e.octavo --inputs "$tiny/reference.safetensors" --outputs all.safetensors --dump-layers --json --quiet
json "{'vision.hidden.0', 'text.hidden.0', 'image_embeds_raw'} <= {o['name'] for o in it['outputs']}"
no_err
if [ -n "$python" ]; then
    assert "embeddings are not the reference's" "$python" -c '
import json, struct, sys
def load(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8 : 8 + size])
    def floats(name):
        begin, end = head[name]["data_offsets"]
        return struct.unpack("<%df" % ((end - begin) // 4), raw[8 + size + begin : 8 + size + end])
    return floats
want, got, all = map(load, sys.argv[1:])
for name, limit in (("image_embeds", 1e-4), ("text_embeds", 1e-4), ("logits_per_image", 1e-2)):
    for floats in (got, all):
        assert max(abs(a - b) for a, b in zip(want(name), floats(name))) < limit, name
' "$tiny/reference.safetensors" out.safetensors all.safetensors
fi
# Bits depend neither on the threads nor on the savings' company in a batch.
try 0 run e.octavo --inputs "$tiny/reference.safetensors" --outputs one.safetensors --threads 1 --quiet
same out.safetensors one.safetensors
try 0 run e.octavo --inputs "$tiny/reference.safetensors" --outputs ref.safetensors --device ref --quiet
fails 64 INVALID_ARGUMENT run e.octavo --inputs "$tiny/reference.safetensors" --outputs x.safetensors --disable frob --quiet
fails 64 INVALID_ARGUMENT run e.octavo --inputs "$tiny/reference.safetensors" --outputs x.safetensors --tier frob --quiet
fails 64 INVALID_ARGUMENT run e.octavo --inputs one.safetensors --outputs x.safetensors --quiet
err 'has none of'
fails 66 NOT_FOUND run e.octavo --inputs nowhere --outputs x.safetensors
fails 73 CANNOT_CREATE run e.octavo --inputs "$tiny/reference.safetensors" --outputs nowhere/x --quiet
no_file x.safetensors
