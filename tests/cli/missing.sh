# What is not there ends in exit code 66, what is no engine or checkpoint in 65; nothing is written.
fails 66 NOT_FOUND build nowhere -o e.octavo
for command in inspect explain bench; do
    fails 66 NOT_FOUND "$command" nowhere.octavo
    err 'nowhere.octavo'
done
fails 66 NOT_FOUND run nowhere.octavo --inputs in.safetensors --outputs out.safetensors
fails 66 NOT_FOUND embed nowhere.octavo --text a -o out.npy
fails 66 NOT_FOUND eval nowhere.octavo --data .
fails 66 NOT_FOUND classify nowhere.octavo nowhere.jpg --labels a
fails 66 NOT_FOUND classify nowhere.octavo "$data/preprocess" --labels-file nowhere.txt
fails 66 NOT_FOUND quantize nowhere --images "$data/preprocess" -o fp8

printf 'this is no engine' >bad.octavo
for command in inspect explain bench; do
    fails 65 CORRUPT "$command" bad.octavo
    err 'bad.octavo'
done
: >empty.octavo
fails 65 CORRUPT inspect empty.octavo
fails 74 IO inspect .
mkdir hollow
fails 66 NOT_FOUND build hollow -o e.octavo
assert "something was written" test "$(ls -A)" = "bad.octavo
empty.octavo
hollow"
