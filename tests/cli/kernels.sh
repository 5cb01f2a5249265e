# kernels: what lies in the cache or a pack is listed; clear takes octavo's own files only.
XDG_CACHE_HOME=cache
export XDG_CACHE_HOME
unset OCTAVO_KERNELS OCTAVO_NVRTC
try 0 kernels list
out 'cache/octavo/kernels: 0 kernels, 0 bytes$'
try 0 kernels clear
out '0 kernels removed, 0 bytes freed$'

mkdir -p cache/octavo/kernels
cp "$data/corpus/kernels/one.kernels" cache/octavo/kernels/00112233445566778899aabbccddeeff.kernel
printf 'damaged' >cache/octavo/kernels/ffeeddccbbaa99887766554433221100.kernel
printf 'mine' >cache/octavo/kernels/notes.txt
try 0 kernels list
out 'kernels: 1 kernel, 200 bytes$'
out '^damaged, to be made anew: 1 file$'
out '^ +1 +norm.cu +sm_90a +8 bytes +20.* 1 of another version of octavo$'
try 0 kernels list --json
json "it['count'] == 1 and it['bytes'] == 200 and it['places'][0]['damaged'] == 1"
json "it['places'][0]['kernels'][0]['defines'] == '#define N 1\n' and not it['places'][0]['pack']"
try 0 kernels clear --json
json "it['removed'] == 2 and it['left'] == 1 and it['bytes'] == 207"
assert "notes.txt is gone" test "$(ls cache/octavo/kernels)" = notes.txt

# A pack that OCTAVO_KERNELS names is listed beside the cache, and stays.
cp "$data/corpus/kernels/four.kernels" four.kernels
OCTAVO_KERNELS=four.kernels
export OCTAVO_KERNELS
try 0 kernels list --json
json "[p['pack'] for p in it['places']] == [True, False] and it['count'] == 4"
try 0 kernels clear
out '0 kernels removed.*; not octavo.s, left: 1 file$'
file four.kernels
unset OCTAVO_KERNELS
try 0 kernels list four.kernels
out '^ +2 +norm.cu +sm_80 '
fails 65 CORRUPT kernels list cache/octavo/kernels/notes.txt
fails 66 NOT_FOUND kernels list nowhere

try 0 build "$tiny_fp8" -o e.octavo --quiet
fails 64 INVALID_ARGUMENT kernels
fails 64 INVALID_ARGUMENT kernels frob
err 'takes pack, list or clear'
fails 64 INVALID_ARGUMENT kernels clear four.kernels
fails 64 INVALID_ARGUMENT kernels pack e.octavo -o k
err '\-\-arch'
fails 64 INVALID_ARGUMENT kernels pack e.octavo --arch sm_90a
err '\-\-output'
fails 64 INVALID_ARGUMENT kernels pack --arch sm_90a -o k
fails 64 INVALID_ARGUMENT kernels pack e.octavo --preset ViT-B-32 --arch sm_90a -o k
fails 64 INVALID_ARGUMENT kernels pack e.octavo --arch sm_90 -o k
err '"sm_90"; there are sm_80,.*sm_90a'
for batches in 0 1, x 4097; do
    fails 64 INVALID_ARGUMENT kernels pack e.octavo --arch sm_90a --batch "$batches" -o k
done
fails 66 NOT_FOUND kernels pack nowhere.octavo --arch sm_90a -o k

# Without a compiler the sentence names the kernel, and the way out.
OCTAVO_NVRTC=/nowhere
export OCTAVO_NVRTC
fails 69 UNAVAILABLE kernels pack e.octavo --arch sm_90a -o k
err 'kernel [a-z_]+\.cu has to be compiled for sm_90a: OCTAVO_NVRTC names /nowhere'
err 'octavo kernels pack --arch sm_90a E.octavo -o FILE'
unset OCTAVO_NVRTC
no_file k
if "$octavo" doctor --json | grep -q '"about": "NVRTC'; then
    try 0 kernels pack e.octavo --arch sm_90a --batch 1 -o k --json
    json "it['file'] == 'k' and it['batches'] == [1] and it['architectures'][0]['kernels'] > 10"
    try 0 kernels list k
    out ' norm.cu +sm_90a .*[0-9]$'
else
    skip "no NVRTC: nothing is really compiled"
fi
unset XDG_CACHE_HOME
