#!/bin/sh
# run.sh OCTAVO [CASE...] - tests of the program's commands: exit codes, output, files.
#
# Each CASE.sh beside this file is read in turn, in a folder of its own, and uses:
#   try CODE ARGUMENT...   runs octavo; its exit code must be CODE
#   out REGEX, err REGEX   what the last run printed must have a line that matches
#   no_out, no_err         it must have printed nothing there
#   json EXPRESSION        its output must be one JSON object, for which Python's EXPRESSION over
#                          `it` is true
#   same A B, file F, no_file F
set -u
LC_ALL=C
export LC_ALL
unset OCTAVO_THREADS OCTAVO_TIER

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
octavo=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
[ -x "$octavo" ] || {
    echo "cli: $octavo is no program" >&2
    exit 66
}
data=$root/tests/data
tiny=$data/tiny-clip/f32             # a checkpoint small enough for every test
tiny_fp8=$data/tiny-clip/modelopt-fp8
photos=$root/examples/photos
mini=$root/models/clip-mini-fp8
python=$(command -v python3 || true)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

checks=0
failures=0
last=

fail() {
    failures=$((failures + 1))
    echo "FAILED $case: octavo $last: $1"
    sed 's/^/    stdout: /' "$work/out" | head -5
    sed 's/^/    stderr: /' "$work/err" | head -5
}

assert() { # WHAT COMMAND...
    checks=$((checks + 1))
    what=$1
    shift
    "$@" >/dev/null 2>&1 || fail "$what"
}

try() {
    want=$1
    shift
    last=$*
    "$octavo" "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    assert "exit code $code, not $want" test "$code" -eq "$want"
}

out() { assert "stdout has no line like $1" grep -Eq -- "$1" "$work/out"; }
err() { assert "stderr has no line like $1" grep -Eq -- "$1" "$work/err"; }
no_out() { assert "something is on stdout" test ! -s "$work/out"; }
no_err() { assert "something is on stderr" test ! -s "$work/err"; }
same() { assert "$1 and $2 differ" cmp "$1" "$2"; }
file() { assert "there is no file $1" test -s "$1"; }
no_file() { assert "there is a file $1" test ! -e "$1"; }

json() {
    [ -n "$python" ] || return 0
    assert "not one JSON object with $1" "$python" -c '
import json, sys
it = json.load(open(sys.argv[1]))
sys.exit(not (isinstance(it, dict) and eval(sys.argv[2])))' "$work/out" "$1"
}

# What every error must look like: one sentence, and with --json one object.
fails() { # CODE STATUS ARGUMENT...
    code_wanted=$1
    status=$2
    shift 2
    try "$code_wanted" "$@"
    no_out
    err '^octavo: [^(]+ \(.+\): .'
    assert "more than one line on stderr" test "$(wc -l <"$work/err")" -eq 1
    try "$code_wanted" "$@" --json
    json "list(it) == ['error'] and it['error']['status'] == '$status' and it['error']['message']"
}

skip() { echo "SKIPPED $case: $1"; }

for path in "$here"/*.sh; do
    case=$(basename "$path" .sh)
    [ "$case" = run ] && continue
    if [ $# -gt 0 ]; then
        case " $* " in *" $case "*) ;; *) continue ;; esac
    fi
    mkdir "$work/$case"
    cd "$work/$case" || exit 70
    before=$failures
    . "$path"
    echo "$case: $([ "$failures" -eq "$before" ] && echo passed || echo FAILED)"
done

echo "cli: $checks checks, $failures failed"
[ "$failures" -eq 0 ]
