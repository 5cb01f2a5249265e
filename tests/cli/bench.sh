# bench: the keys that scripts rely on, for files and presets; nothing is left behind.
try 0 build "$tiny" -o e.octavo --quiet
try 0 bench e.octavo --batch 1,2 --duration 0.1 --warmup 0 --json --threads 1
json "[(r['tower'], r['batch']) for r in it['results']] == [('image', 1), ('image', 2), ('text', 1), ('text', 2)]"
json "all(set(r) >= {'tower', 'batch', 'threads', 'latency_ms', 'throughput_per_s', 'tflops', 'peak_tflops', 'share_of_peak', 'spread', 'cpu_ms'} for r in it['results'])"
json "all(r['latency_ms']['min'] <= r['latency_ms']['median'] <= r['latency_ms']['p90'] <= r['latency_ms']['p99'] for r in it['results'])"
json "it['device'] and it['load_s'] > 0 and it['rss_mb'] > 0 and it['results'][2]['tokens'] > 2"
json "all(type(r['busy']) is bool and 'others_cores' in r and 'waited_share' in r for r in it['results'])"
# Another program on every core spoils a measurement, and that is told.
spinners=
for _ in $(seq "$(nproc)"); do
    sh -c 'while :; do :; done' &
    spinners="$spinners $!"
done
try 0 bench e.octavo --tower image --batch 4 --duration 1 --json
json "it['results'][0]['busy'] and max(it['results'][0]['others_cores'] or 0, it['results'][0]['waited_share'] or 0) > 0.1"
try 0 bench e.octavo --tower image --batch 4 --duration 1
out '^image .* %\*$'
out '^\* on a busy machine: other programs used up to [0-9.]+ cores'
# shellcheck disable=SC2086
kill $spinners
try 0 bench e.octavo --tower text --tokens 5 --duration 0.1 --profile
out '^text +1 +5 '
out '^text, batch 1: '
try 0 bench e.octavo --tower image --duration 0.1 --profile --json
json "it['results'][0]['profile'] and it['results'][0]['tflops'] > 0"
# Each step stands beside its limit: products beside the measured peak; the rest, whose bytes are
# counted too, beside none, for a CPU's memory is not measured.
json "all(s['bytes'] > 0 and s['ms'] >= 0 for s in it['results'][0]['profile'])"
json "all((s['flop'] > 0) == (s['limit_us'] is not None) == (s['limited_by'] == 'flop') for s in it['results'][0]['profile'])"
json "all(abs(s['share_of_limit'] * s['ms'] * 1e3 - s['limit_us']) < 0.02 * s['limit_us'] + 0.01 for s in it['results'][0]['profile'] if s['flop'])"
json "it['ceilings']['f8_tflops'] == it['ceilings']['f16_tflops'] > 0 and it['ceilings']['gbytes_per_s'] is None and it['ceilings']['source']"
# What is told of a GPU is not told of a CPU.
json "not {'device_ms', 'to_device_ms', 'card', 'peers'} & set(it['results'][0]) and 'notes' not in it"

# Ratios to peers: a row finds those that did its work in a time that it has; malformed files are
# told with place and byte.
try 0 inspect e.octavo --json
name=$(sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' "$work/out" | head -1)
row="\"model\":\"$name\",\"tower\":\"image\",\"ms\":1000"
cat >peers.json <<EOF
{"machine":"any","rows":[
 {"engine":"one",$row,"batch":1,"more":[1]},
 {"engine":"of wall time",$row,"batch":1,"timed":"wall"},
 {"engine":"of a GPU",$row,"batch":1,"timed":"device"},
 {"engine":"of other threads",$row,"batch":1,"threads":7},
 {"engine":"of another model","model":"other","tower":"image","batch":1,"ms":1},
 {"engine":"of few tokens","model":"$name","tower":"text","batch":1,"tokens":5,"ms":1000},
 {"engine":"of many","model":"$name","tower":"text","batch":1,"tokens":6,"ms":1000}],
 "kernels":[{"kernel":"x"}]}
EOF
try 0 bench e.octavo --batch 1,2 --tokens 5 --duration 0.05 --warmup 0 --threads 1 --compare peers.json --json
json "[[p['engine'] for p in r['peers']] for r in it['results']] == [['one', 'of wall time'], [], ['of few tokens'], []]"
json "all(abs(p['ratio'] * r['latency_ms']['median'] / p['ms'] - 1) < 0.01 for r in it['results'] for p in r['peers'])"
try 0 bench e.octavo --batch 1,2 --tokens 5 --duration 0.05 --warmup 0 --threads 1 --compare peers.json
out '^  image +1 +- +wall .*  one$'
out '^No peer did the work of:$'
out "^  .* text, batch 2, 5 tokens$"
for wrong in '{"rows":[{"engine":"x","model":"m","tower":"image","batch":1,"ms":0}]}' \
    '{"rows":[{"engine":"x","model":"m","tower":"image","batch":1}]}' \
    '{"rows":[{"engine":"x","model":"m","tower":"audio","batch":1,"ms":1}]}' \
    '{"rows":[{"engine":"x","model":"m","tower":"text","batch":1,"ms":1,"timed":"cpu"}]}' \
    '{"results":[]}' '{"rows":[' '[]'; do
    printf %s "$wrong" >wrong.json
    fails 65 CORRUPT bench e.octavo --compare wrong.json
    json "it['error']['file'] == 'wrong.json' and it['error']['offset'] is not None"
done
fails 66 NOT_FOUND bench e.octavo --compare nowhere.json
fails 64 INVALID_ARGUMENT bench e.octavo --tokens 1000
try 2 bench e.octavo --tower image --duration 0.1 --max-spread 0 --json
json "len(it['results']) == 1"

mkdir tmp
TMPDIR=$PWD/tmp
export TMPDIR
try 0 bench --preset ViT-B-32 --tower image --duration 0.1 --warmup 0 --json --save-checkpoint kept
json "it['results'][0]['tflops'] > 0"
file kept/model.safetensors
assert "temporary files are left" test -z "$(ls -A tmp)"
unset TMPDIR
fails 73 CANNOT_CREATE bench --preset ViT-B-32 --work nowhere
