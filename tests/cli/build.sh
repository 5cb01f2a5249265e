# build: whole files, the same bytes each time, a report for people and for programs.
for checkpoint in "$tiny" "$tiny_fp8"; do
    try 0 build "$checkpoint" -o a.octavo
    no_err
    file a.octavo
    out '^  image +[0-9]+ '
    out '^  text +[0-9]+ '
    out '^size: '
    cp "$work/out" human.txt
    assert "a line of the report is over 100 columns" test "$(awk '{ if (length > n) n = length } END { print n }' human.txt)" -le 100
    try 0 build "$checkpoint" -o b.octavo --json --threads 1 --report report.json
    json "it['engine_bytes'] > 0 and {t['name'] for t in it['towers']} == {'image', 'text'}"
    json "it == {**json.load(open('report.json')), 'engine': it['engine'], 'seconds': it['seconds']}"
    same a.octavo b.octavo
    try 0 build "$checkpoint" -o a.octavo --quiet
    no_out
    no_err
    same a.octavo b.octavo
done
try 0 build "$tiny_fp8" -o c.octavo --precision f16 --json
json "not any(o['weight'].startswith('F8') for t in it['towers'] for o in t['operands'])"
try 0 build "$tiny_fp8" -o c.octavo --keep '*fc1=f16'
out '^ +2  vision_model.encoder.layers.\*.mlp.fc1  widened by --keep'
try 0 build "$tiny_fp8" -o c.octavo --verify
for precision in fp8 auto; do
    fails 65 UNSUPPORTED build "$tiny" -o d.octavo --precision $precision
    err 'octavo quantize'
done
no_file d.octavo
fails 64 INVALID_ARGUMENT build "$tiny_fp8" -o nonsense.octavo --keep nonsense

fails 73 CANNOT_CREATE build "$tiny" -o nowhere/e.octavo
fails 73 CANNOT_CREATE build "$tiny" -o .
mkdir broken
cp "$tiny"/* broken/
head -c 100 "$tiny/model.safetensors" >broken/model.safetensors
fails 65 CORRUPT build broken -o d.octavo
err 'broken/model.safetensors'
no_file d.octavo
assert "a temporary file is left" test -z "$(find . -name '*.tmp')"

# What is no checkpoint is called what it is, with what to do.
mkdir onnx adapter pointer
echo x >onnx/image.onnx
echo '{}' >adapter/adapter_config.json
fails 65 UNSUPPORTED build onnx -o d.octavo
err 'its image.onnx is an ONNX file'
fails 65 UNSUPPORTED build adapter -o d.octavo
err 'merge_and_unload'
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n' >pointer/model.safetensors
fails 65 CORRUPT build pointer -o d.octavo
err 'git lfs pull'
rm pointer/model.safetensors
ln -s ../../blobs/gone pointer/model.safetensors
fails 65 CORRUPT build pointer -o d.octavo
err 'a link to ../../blobs/gone, which is not there'
mkdir unfetched
cp "$tiny"/* unfetched/
ln -sf ../../blobs/gone unfetched/tokenizer.json
fails 65 CORRUPT build unfetched -o d.octavo # and is not an engine that takes token ids only
err 'unfetched/tokenizer.json.*a link to'
no_file d.octavo

# What the model has no part for is noted; --strict refuses it.
mkdir surplus
cp "$tiny"/* surplus/
sed 's/"num_hidden_layers": 2/"num_hidden_layers": 1/' "$tiny/config.json" >surplus/config.json
try 0 build surplus -o s.octavo
out '^note: [0-9]+ tensors are not read, as the model has no such part:'
try 0 build surplus -o s.octavo --json
json "it['unread'] and all('layers.1.' in name for name in it['unread'])"
fails 65 UNSUPPORTED build surplus -o t.octavo --strict
err 'not read, such as .*--strict makes that an error'
no_file t.octavo
