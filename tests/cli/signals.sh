# Stopped from outside: no half-written file, the exit code tells; readers may leave early.
if [ -n "$python" ]; then
    cat >stop.py <<'PYTHON'
import os, signal, subprocess, sys, time
octavo, number = sys.argv[1], getattr(signal, sys.argv[2])
p = subprocess.Popen([octavo, *sys.argv[3:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
until = time.monotonic() + 60
while not os.listdir("tmp") and p.poll() is None and time.monotonic() < until:
    time.sleep(0.02)
time.sleep(0.3)  # in the midst of it
p.send_signal(number)
out, err = p.communicate(timeout=60)
print(p.returncode, out.decode(), err.decode(), sep="\n")
PYTHON
    mkdir tmp
    stop() { # NAME CODE
        "$python" stop.py "$octavo" "$1" bench --preset ViT-B-32 --tower image --duration 60 --work tmp \
            --json >"$work/out" 2>"$work/err"
        last="bench, stopped by $1"
        assert "the exit code is not $2" grep -qx "$2" "$work/out"
        out '"status":"CANCELLED"'
        out "stopped by $1"
        assert "temporary files are left" test -z "$(ls -A tmp)"
    }
    stop SIGINT 130
    stop SIGTERM 143
    # What nobody could clean up, the next run does; what another one is still writing stays.
    "$python" stop.py "$octavo" SIGKILL bench --preset ViT-B-32 --tower image --duration 60 --work tmp \
        >"$work/out" 2>"$work/err"
    last="bench, killed"
    assert "nothing was left: the test is none" test -n "$(ls -A tmp)"
    try 0 bench --preset ViT-B-32 --tower image --duration 0.05 --warmup 0 --work tmp --quiet
    assert "what the killed run left is still there" test -z "$(ls -A tmp)"
fi
"$octavo" help 2>"$work/err" | head -1 >"$work/out"
last="help | head -1"
out '^octavo - '
no_err
if [ -w /dev/full ]; then
    "$octavo" help >/dev/full 2>"$work/err"
    code=$?
    last="help >/dev/full"
    assert "exit code $code, not 74" test "$code" -eq 74
    err 'cannot write the output'
fi
