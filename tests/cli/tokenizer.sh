# A checkpoint without a tokenizer builds and says so; what wants texts of it then says what is missing.
copy() { # NAME FILE... - the small checkpoint with these of its files
    mkdir -p "$1"
    cp "$tiny/config.json" "$tiny/model.safetensors" "$tiny/preprocessor_config.json" "$1"
    name=$1
    shift
    for file; do cp "$tiny/$file" "$name"; done
}
copy ids_only
try 0 build ids_only -o ids_only.octavo
out 'there is no tokenizer beside the checkpoint'
for command in "classify ids_only.octavo $data/preprocess/png_rgb.png --labels a,b" \
    "search ids_only.octavo $data/preprocess/png_rgb.png --text a" \
    "embed ids_only.octavo --text a -o out.npy"; do
    fails 66 NOT_FOUND $command
    err 'has no tokenizer: none lay beside its checkpoint; put tokenizer.json'
done
no_file out.npy

# Half of one is an error, and the other half is named.
copy half vocab.json
fails 65 CORRUPT build half -o half.octavo
err 'vocab.json is there, merges.txt is missing'
no_file half.octavo
copy whole vocab.json merges.txt
try 0 build whole -o whole.octavo
try 0 classify whole.octavo "$data/preprocess/png_rgb.png" --labels a,b --quiet
