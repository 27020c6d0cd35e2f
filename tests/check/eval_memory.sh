#!/bin/sh
# Memory stays flat: ten times the rounds of evaluating, building and assigning take hardly more of it.
set -eu
cat > rounds.nn <<'END'
param rounds = 10000
placeholder x: float[batch, 4]
variable W = ones([4, 3])
variable n = 0.0
y = mean(softmax(x @ W))
layer double()(x) { x * 2 }
fn f(a) { b = a + 1; b * 2 }
total = 0
for i in range(rounds) {
  total = total + y.eval(x=[[1, 2, 3, 4]])
  z = f(i) + len([1, 2, 3, "{i}"])
  q = double()(W * (i % 7))
  e = mean(mse(W, W + i))
  r = random_normal([i % 5 + 1])
  unapplied = dense(3)
  n <- n + 1
  if mean(n) < 0 { print("no") }
}
print(n)
END
peak() {
    command -v python3 > /dev/null || { echo "python3 is needed to measure"; exit 77; }
    python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$NNRUN" rounds.nn rounds="$1"
}
few=$(peak 10000)
many=$(peak 100000)
echo "$few KiB for 10000 rounds, $many KiB for 100000"
[ "$many" -lt $((few + few / 4 + 20000)) ]
