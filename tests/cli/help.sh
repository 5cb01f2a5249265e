# Help, man pages and completion come from one table: each command must be in all of them.
try 0 help
out '^  build +turn a checkpoint into an engine file$'
out '^ +65  bad or unsupported input data$'
out 'OCTAVO_THREADS'
no_err
try 0 --help
out '^usage: octavo COMMAND'
try 0 --version
out '^octavo [0-9]+\.[0-9]+\.[0-9]+$'
try 0 version --json
json "it['version'].count('.') == 2"

for command in build quantize widen run embed classify search serve eval bench inspect explain kernels doctor help version; do
    try 0 "$command" --help
    out "^octavo $command - "
    out '^  --json$'
    out '^  --threads N$'
    out '^  --device auto'
    no_err
    cp "$work/out" "$command.txt"
    assert "a line of help is over 100 columns" test "$(awk '{ if (length > n) n = length } END { print n }' "$command.txt")" -le 100
    try 0 help "$command"
    same "$work/out" "$command.txt"
    try 0 help "$command" --json
    json "it['help'].startswith('octavo $command - ')"

    try 0 help --man "$command"
    out '^\.TH OCTAVO'
    out "^octavo $command"
    out '^\.SH EXIT STATUS$'
    if command -v groff >/dev/null; then
        groff -man -Tascii -ww "$work/out" >/dev/null 2>groff.txt
        assert "groff warns about the man page" test ! -s groff.txt
    fi
done
for flag in --tier --disable; do
    for command in run bench; do
        try 0 "$command" --help
        out "^  $flag "
    done
done
# What does not work is not offered; what works is told.
try 0 build --help
out '^  --precision as-checkpoint.bf16.f16$'
try 0 run --help
out 'avx512, avx2 or portable'
try 0 help --man octavo
out '^\\fBoctavo\\-build\\fR\(1\)$'

try 0 help --completion bash
out 'complete .*-F _octavo octavo'
if command -v bash >/dev/null; then
    cp "$work/out" octavo.bash
    cat >try.bash <<'BASH'
. ./octavo.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_octavo
echo "${COMPREPLY[@]}"
BASH
    complete() { bash try.bash "$@"; }
    assert "octavo b<tab>" test "$(complete octavo b)" = "build bench"
    assert "octavo build --pre<tab>" test "$(complete octavo build --pre)" = "--precision"
    assert "octavo build --precision b<tab>" test "$(complete octavo build --precision b)" = "bf16"
    touch 'two words.octavo'
    assert "octavo inspect two<tab>" test "$(complete octavo inspect two)" = "two words.octavo"
fi
fails 64 INVALID_ARGUMENT help frob
