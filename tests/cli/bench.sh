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
