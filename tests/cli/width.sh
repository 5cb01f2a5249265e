# Width follows the terminal; nothing is ever cut, and where stdout is none a table's row is a line.
if [ -n "$python" ]; then
    cat >terminal.py <<'PYTHON'
# COLUMNS COMMAND...: runs it on a terminal of that width and prints what came
import fcntl, os, pty, struct, subprocess, sys, termios
main, side = pty.openpty()
fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("4H", 24, int(sys.argv[1]), 0, 0))
child = subprocess.Popen(sys.argv[2:], stdin=side, stdout=side, stderr=side)
os.close(side)
out = b""
try:
    while more := os.read(main, 65536):
        out += more
except OSError:  # so a terminal tells that nobody writes any more
    pass
out = out.replace(b"\r\n", b"\n").replace(b"\x1b[K", b"")
sys.stdout.buffer.write(out.replace(b"\r", b"\n"))  # bars are lines too
sys.exit(child.wait())
PYTHON
    longest() { awk '{ if (length > n) n = length } END { print n }' "$work/out"; }
    wide() { # WIDTH ARGUMENT...: on a terminal of that width no line is wider
        last="$* (on $1 columns)"
        "$python" terminal.py "$@" >"$work/out" 2>"$work/err"
        assert "it failed" test $? -eq 0
        assert "a line has $(longest) columns" test "$(longest)" -le "$1"
    }
    try 0 build "$tiny_fp8" -o e.octavo --quiet
    name=a-photograph-with-a-name-that-nobody-would-type-by-hand-but-a-camera-did.jpg
    cp "$data/preprocess/jpeg_444.jpg" "$name"
    for columns in 40 80 132; do
        for command in help "help build" "inspect e.octavo --tensors" "explain e.octavo" doctor \
            "bench e.octavo --duration 0.05 --warmup 0 --profile --tower image" \
            "build $tiny_fp8 -o x.octavo --keep *fc1=f16" \
            "classify e.octavo $name --labels bird,car --quiet"; do
            # shellcheck disable=SC2086
            wide $columns "$octavo" $command
        done
        assert "the name is not whole" sh -c "awk '/^[^ ]/ {printf \"%s\", \$1}' '$work/out' | grep -q '$name'"
    done
    wide 80 "$octavo" doctor
    out '^  tier      here$' # where there is room, there is a gap
    TERM=dumb COLUMNS=60
    export TERM COLUMNS
    wide 60 "$octavo" explain e.octavo
    assert "COLUMNS is not followed" test "$(longest)" -gt 50
    unset COLUMNS
    wide 80 env COLUMNS=nonsense "$octavo" explain e.octavo # a terminal of 80 says so itself
    COLUMNS=40
    export COLUMNS
    try 0 classify e.octavo "$name" --labels bird,car --quiet
    out "^$name  (bird|car) +[0-9.]+ %"
    try 0 explain e.octavo
    assert "a row is wrapped in a pipe" test "$(longest)" -gt 100
    unset COLUMNS
fi
