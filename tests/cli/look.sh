# inspect, explain and doctor: what is in a file, and what this machine makes of it.
try 0 build "$tiny_fp8" -o e.octavo --quiet
try 0 inspect e.octavo
out '^  F8_E4M3 '
out '^image: '
out '^text: '
no_err
try 0 inspect e.octavo --json
json "it['towers'] == ['image', 'text'] and it['canaries']['part'] > 0"
json "sum(s['bytes'] for s in it['sections']) <= it['bytes']"
try 0 inspect e.octavo --verify --graph --tensors
out '^verified: '
try 0 inspect e.octavo --verify --graph --tensors --json
json "it['verified'] is True and it['graph'] and it['tensors'][0]['shape']"

# One flipped bit in the weights is found, and told.
size=$(wc -c <e.octavo)
if [ -n "$python" ]; then
    "$python" -c '
import sys
raw = bytearray(open("e.octavo", "rb").read())
raw[len(raw) // 2] ^= 1
open("flipped.octavo", "wb").write(raw)'
    fails 65 CORRUPT inspect flipped.octavo --verify
fi
head -c $((size / 2)) e.octavo >cut.octavo
fails 65 CORRUPT inspect cut.octavo

try 0 explain e.octavo
out 'saving'
out '^image: activations '
out '^text: activations '
try 0 explain e.octavo --tower text --json
json "it['savings'] and all(s['kernel'] for p in it['programs'] for s in p['steps'])"
try 0 explain e.octavo --disable last-row,merge-qkv --json
json "{s['name'] for s in it['savings'] if not s['on']} == {'last-row', 'merge-qkv', 'tuned'}"
fails 64 INVALID_ARGUMENT explain e.octavo --disable frob

try 0 doctor
out '^octavo [0-9]'
out '^cpu: '
try 0 doctor --json
json "it['cpu']['usable_cores'] >= 1 and any(t['available'] for t in it['cpu']['tiers'])"
json "it['will_use'].startswith('cpu (') and it['problems'] == []"
json "all(it['libraries'][l][0].isdigit() for l in ('libpng', 'libwebp')) and any(l.startswith('libjpeg') for l in it['libraries'])"
# It honours OCTAVO_TIER, and reports one that cannot be had beside all the rest.
OCTAVO_TIER=portable
export OCTAVO_TIER
try 0 doctor
out '^  portable +yes, will be used$'
out '^will use: cpu \(portable, '
OCTAVO_TIER=frob
try 78 doctor
out '^problem: there is no CPU tier "frob"; the tiers are .*portable'
out '^libwebp |^  libwebp '
try 78 doctor --json
json "it['will_use'] is None and 'frob' in it['problems'][0] and not any(t['default'] for t in it['cpu']['tiers'])"
try 0 doctor --tier portable
unset OCTAVO_TIER
try 78 doctor --tier avx2:frob
try 0 doctor --json
tiers=portable
if [ -n "$python" ]; then
    tiers=$("$python" -c '
import json, sys
print(*(t["name"] for t in json.load(open(sys.argv[1]))["cpu"]["tiers"] if t["available"]))' "$work/out")
fi
for tier in $tiers; do
    OCTAVO_TIER=$tier
    export OCTAVO_TIER
    try 0 explain e.octavo --json --threads 1
    json "'$tier' in it['about']"
    unset OCTAVO_TIER
done
