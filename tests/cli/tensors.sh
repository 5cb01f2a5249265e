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
# A tier is the CPU's, so whoever names one does not mean a card.
fails 64 INVALID_ARGUMENT run e.octavo --inputs one.safetensors --outputs x.safetensors --tier portable --device cuda --quiet
err 'names a tier of the CPU, --device cuda is a card'
fails 64 INVALID_ARGUMENT run e.octavo --inputs one.safetensors --outputs x.safetensors --quiet
err 'has none of'
fails 66 NOT_FOUND run e.octavo --inputs nowhere --outputs x.safetensors
fails 73 CANNOT_CREATE run e.octavo --inputs "$tiny/reference.safetensors" --outputs nowhere/x --quiet
no_file x.safetensors

# What does not fit is named with what was given: dtypes, dimensions, rows, lengths.
if [ -n "$python" ]; then
    cat >make.py <<'PYTHON'
import json, struct, sys
path, *tensors = sys.argv[1:]
sizes = {"F64": 8, "I64": 8, "I32": 4, "F32": 4, "I16": 2, "F16": 2, "U8": 1}
head, at = {}, 0
for tensor in tensors:
    name, dtype, *shape = tensor.split(",")
    size = sizes[dtype]
    for n in shape:
        size *= int(n)
    head[name] = {"dtype": dtype, "shape": [int(n) for n in shape], "data_offsets": [at, at + size]}
    at += size
text = json.dumps(head).encode()
open(path, "wb").write(struct.pack("<Q", len(text)) + text + bytes(at))
PYTHON
    refuse() { # SENTENCE TENSOR...
        sentence=$1
        shift
        "$python" make.py in.safetensors "$@"
        fails 64 INVALID_ARGUMENT run e.octavo --inputs in.safetensors --outputs x.safetensors --quiet
        err "in.safetensors.*$sentence"
    }
    refuse 'pixel_values has dtype F64, it must be F32; bytes are pixels' pixel_values,F64,1,3,32,32
    refuse 'pixel_values has dtype U8, it must be F32; bytes are pixels' pixel_values,U8,1,3,32,32
    refuse 'pixels has dtype F32, it must be U8; floats are pixel_values' pixels,F32,1,32,32,3
    refuse 'input_ids has dtype I16, it must be I64 or I32' input_ids,I16,1,8
    refuse 'pixels has 3 dimensions, it must have 4: \[images, rows, columns, 3\]' pixels,U8,32,32,3
    refuse 'pixels has 6 dimensions, it must have 4' pixels,U8,1,1,1,32,32,3
    refuse 'input_ids has 1 dimension, it must have 2: \[texts, tokens\]' input_ids,I64,8
    refuse 'pixels has 0 rows: there is nothing to run' pixels,U8,0,32,32,3
    refuse 'attention_mask has rows of 7 tokens, input_ids of 8' input_ids,I64,2,8 attention_mask,I64,2,7
    refuse 'attention_mask has 3 rows, input_ids has 2' input_ids,I64,2,8 attention_mask,I64,3,8
    "$python" make.py in.safetensors pixels,U8,1,32,32,3 other,F64,2,2
    try 0 run e.octavo --inputs in.safetensors --outputs y.safetensors
    err 'other in in.safetensors is ignored'
fi
