#!/bin/sh
# Memory stays flat: ten times the rounds of evaluating, building and assigning take hardly more of it.
set -eu
. "$(dirname "$0")/peak.bash"
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
few=$(peak rounds.nn rounds=10000)
many=$(peak rounds.nn rounds=100000)
echo "$few KiB for 10000 rounds, $many KiB for 100000"
[ "$many" -lt $((few + few / 4 + 20000)) ]

# A million evaluations of one expression take what a hundred thousand do.
cat > million.nn <<'EOF'
param rounds = 100000
variable W = ones([4, 3])
total = 0
for i in range(rounds) { total = total + mean(abs(W)).eval() }
assert(total == rounds)
EOF
few=$(peak million.nn rounds=200000)
many=$(peak million.nn rounds=1000000)
echo "$few KiB for 200,000 evaluations, $many KiB for 1,000,000"
[ "$many" -lt $((few + few / 20 + 4000)) ]
