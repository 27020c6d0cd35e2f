#!/bin/bash
# nnrun profile, --profile, --trace: lines, parts and shares; a trace that nests and adds up; scripts that
# fail, are interrupted, run nothing, repeat bodies.
. "$(dirname "$0")/cli.bash"
cat > net.nn <<'SCRIPT'
param steps = 20
placeholder x: float[n, 8]
placeholder y: float[n, 4]
h = x |> dense(16) |> relu
z = h |> dense(4)
loss mse = mean((z - y) * (z - y))
optimizer step = adam(0.01).minimize(mse)
data = dataset({x: random_normal([64, 8]).eval(), y: zeros([64, 4]).eval()})
for i in range(steps) {
  b = data.next_batch(16)
  step.run(x=b.x, y=b.y)
}
print(mse.eval(x=data.x, y=data.y) < 100)
SCRIPT

# shares FILE: those of the accounts, and those of the lines with the rest of the accounts, are about 100 %
shares() {
    python3 - "$1" <<'PYTHON' || wrong 'shares do not add up'
import re, sys
text = open(sys.argv[1]).read()
accounts = text.split("where the time went")[1].split("\n\n")[0].splitlines()[1:]
share = {line[:34].strip(): float(re.search(r"([\d.]+) %", line)[1]) for line in accounts}
total = share.pop("all")
assert total == 100, total
assert abs(sum(share.values()) - 100) < 0.6, share
steps = sum(v for k, v in share.items() if k.startswith("steps of"))
lines = [float(m) for m in re.findall(r"^ *([\d.]+) %  ", text, re.M)]
assert abs(sum(lines) - steps) < 0.1 * (len(lines) + 4), (lines, steps)
assert max(map(len, text.splitlines())) <= 120
PYTHON
}

for threads in 1 2; do
    expect 0 "$nnrun" profile --threads $threads net.nn && out true
    shares err
    err_has "$threads thread" 'where the time went' 'steps of training' '20 runs' 'roof of this machine' \
        'line 4  h = x |> dense(16) |> relu' 'line 5  z = h |> dense(4)' \
        'line 7  optimizer step = adam(0.01).minimize(mse)'
    grep -q '^   forward  matmul h/dense  *20 ' err || wrong 'no row of the product'
    grep -q '^   backward matmul ' err || wrong 'no row of its gradient'
    grep -q '^   evaluate ' err || wrong 'no row of the evaluation'
    sed -n '/line 7/,/^$/p' err > lines
    grep -q '^   update ' lines || wrong 'the update is not of line 7'
    grep -q '^   backward ' lines && wrong 'a gradient is of the line of the optimizer'
done
expect 0 "$nnrun" --profile net.nn steps=2 && err_has '2 runs'
expect 0 "$nnrun" profile -e 'print(1)' && out 1 && err_has 'interpreter' && shares err
grep -q 'part  *op' err && wrong 'there are rows, but nothing ran'
expect 2 "$nnrun" check --profile net.nn && err_has '--profile is an option of `nnrun run`'

# what a loop of the graph repeats has its own lines; the loop is what remains
cat > loop.nn <<'SCRIPT'
placeholder x: float[t, 32]
fn step(h, v) {
  a = tanh(h @ ones([32, 32]) / 32 + v)
  return a
}
print(sum(scan(step, over=x, init=zeros([1, 32]))).eval(x=ones([50, 32])) > 0)
SCRIPT
expect 0 "$nnrun" profile loop.nn && out true && shares err && err_has 'line 3  a = tanh(' 'scan of 50'

# a script that fails has its report, and its status
expect 1 "$nnrun" profile -e 'k = 5; x = ones([3])
print(sum(x).eval())
print([1][k])'
err_has ':3:' 'where the time went' && shares err
expect 0 "$nnrun" net.nn && silent
cat > long.nn <<'SCRIPT'
print("begun")
i = 0
while true { i = i + 1 }
SCRIPT
"$nnrun" profile --trace cut.json long.nn > out 2> err &
until grep -q begun out; do sleep 0.1; done
kill -INT $!
wait $!
last="profile long.nn, interrupted" status=$?
[ "$status" -eq 130 ] || wrong "exit status $status, expected 130"
err_has 'where the time went'

# events FILE THREADS: nested on each thread, named, of all kinds
events() {
    python3 - "$@" <<'PYTHON' || wrong "the trace $1 is not right"
import json, sys
trace = json.load(open(sys.argv[1]))
events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
names = {e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["ph"] == "M"}
assert len(names) == int(sys.argv[2]) and names[0] == "script, thread 0", names
def ns(x): return round(x * 1000)
for thread in names:
    own = [(ns(e["ts"]), ns(e["ts"]) + ns(e["dur"]), e) for e in events if e["tid"] == thread]
    own.sort(key=lambda e: (e[0], -e[1]))
    open_until = []
    for start, end, e in own:
        assert end >= start >= 0
        while open_until and open_until[-1][0] <= start:
            open_until.pop()
        assert not open_until or end <= open_until[-1][0], (e, open_until[-1][1])
        open_until.append((end, e))
runs = [e for e in events if e["cat"] == "run" and e["name"] == "step.run"]
if len(sys.argv) > 3:
    assert len(runs) == 20, len(runs)
    steps = [e for e in events if e["cat"] in ("forward", "backward", "update")]
    assert steps and all({"kernel", "shapes", "line", "GB/s"} <= e["args"].keys() for e in steps)
    assert sum(e["dur"] for e in steps) <= sum(e["dur"] for e in runs)
    assert {e["cat"] for e in events} >= {"statement", "data", "planning", "run", "phase", "evaluate"}
    products = [e for e in steps if e["name"] == "matmul" and e["cat"] == "forward"]
    assert {e["args"]["line"] for e in products} == {4, 5}
PYTHON
}
events cut.json "$(nproc)"
for threads in 1 2; do
    expect 0 "$nnrun" --trace out.json --threads $threads net.nn && out true && silent
    events out.json $threads all
done
expect 0 "$nnrun" profile --trace=loop.json --threads 1 loop.nn && events loop.json 1

# no file to write to is an error before anything runs
expect 1 "$nnrun" --trace none/out.json net.nn && out '' && err_has 'error: cannot write none/out.json'
if [ -w /dev/full ]; then
    expect 1 "$nnrun" --trace /dev/full net.nn && out true && err_has 'error: cannot write /dev/full'
fi
expect 2 "$nnrun" --trace= net.nn && err_has '--trace wants the name of a file'
finish
