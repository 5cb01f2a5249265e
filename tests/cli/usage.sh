# A wrong command line ends in one sentence and exit code 64, before any work.
fails 64 INVALID_ARGUMENT frob
err '`octavo help` lists them'
fails 64 INVALID_ARGUMENT biuld "$tiny" -o e.octavo
err 'did you mean "octavo build"\?$'
fails 64 INVALID_ARGUMENT quantise "$tiny" -o e.octavo
err 'did you mean "octavo quantize"\?$'
fails 64 INVALID_ARGUMENT help clasify
err 'did you mean "octavo classify"\?$'
fails 64 INVALID_ARGUMENT build
err '--output|an argument is missing'
fails 64 INVALID_ARGUMENT build "$tiny"
fails 64 INVALID_ARGUMENT build "$tiny" too many -o e.octavo
fails 64 INVALID_ARGUMENT build "$tiny" -o e.octavo --frob
err 'has no flag --frob; `octavo build --help` lists them'
for precision in --precison --percision=f16; do
    fails 64 INVALID_ARGUMENT build "$tiny" -o e.octavo $precision
    err 'did you mean --precision\?$'
done
fails 64 INVALID_ARGUMENT bench e.octavo --t 1
err 'did you mean --tower or --tokens or --tier or --threads\?$'
fails 64 INVALID_ARGUMENT build "$tiny" -o e.octavo --max-drop 1
err 'octavo eval has it$'
fails 64 INVALID_ARGUMENT build "$tiny" -o e.octavo -x
fails 64 INVALID_ARGUMENT build "$tiny" -o e.octavo --precision f8
fails 64 INVALID_ARGUMENT build "$tiny" -o e.octavo --strict=yes
fails 64 INVALID_ARGUMENT build "$tiny" -o ''
fails 64 INVALID_ARGUMENT build "$tiny" -o e.octavo --threads -1
fails 64 INVALID_ARGUMENT build "$tiny" -o e.octavo --threads 1.5
fails 64 INVALID_ARGUMENT build "$tiny" -o e.octavo --device gpu
try 64 build "$tiny" -o
err 'is given no value'
try 64
err 'no command is given'
no_file e.octavo

# No driver, or no such card: said before anything is opened or made.
fails 69 UNAVAILABLE bench e.octavo --device cuda:97
err 'there is no'
fails 64 INVALID_ARGUMENT explain e.octavo --device cuda:all
err "explain works on one card"
fails 64 INVALID_ARGUMENT bench
fails 64 INVALID_ARGUMENT bench e.octavo --preset ViT-B-32
fails 64 INVALID_ARGUMENT bench --preset ViT-B-33
fails 64 INVALID_ARGUMENT bench e.octavo --batch 0
fails 64 INVALID_ARGUMENT bench e.octavo --batch 1,x
fails 64 INVALID_ARGUMENT bench e.octavo --batch ,
fails 64 INVALID_ARGUMENT bench e.octavo --duration soon
fails 64 INVALID_ARGUMENT bench e.octavo --duration 0
err 'takes a number from 0.01 to 3600'
fails 64 INVALID_ARGUMENT run e.octavo --inputs a.safetensors
fails 64 INVALID_ARGUMENT embed e.octavo --text a -o out.txt
fails 64 INVALID_ARGUMENT embed e.octavo -o out.npy
fails 64 INVALID_ARGUMENT quantize "$tiny" -o fp8
fails 64 INVALID_ARGUMENT eval e.octavo
fails 64 INVALID_ARGUMENT eval e.octavo --data . --max-drop 1
fails 64 INVALID_ARGUMENT search e.octavo .
for labels in '' ',' ' , '; do
    fails 64 INVALID_ARGUMENT classify e.octavo "$data/preprocess" --labels "$labels"
    err 'list of labels is empty'
done
fails 64 INVALID_ARGUMENT classify e.octavo "$data/preprocess"
printf '\n\r\n' >empty.txt
fails 64 INVALID_ARGUMENT classify e.octavo "$data/preprocess" --labels-file empty.txt
printf 'a photo\n' >templates.txt
fails 64 INVALID_ARGUMENT classify e.octavo "$data/preprocess" --labels a --templates templates.txt
err 'templates.txt.*template 1 has no \{\}'
mkdir nothing
fails 64 INVALID_ARGUMENT classify e.octavo nothing --labels a
err 'no image is found'

OCTAVO_THREADS=many
export OCTAVO_THREADS
fails 64 INVALID_ARGUMENT doctor
err 'OCTAVO_THREADS takes a whole number'
unset OCTAVO_THREADS
