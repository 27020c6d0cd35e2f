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

# A loop holds one batch at a time, however many epochs it goes through.
cat > batches.nn <<'END'
param epochs = 1
data = load_digits(train=2000, test=100)
n = 0
for b in data.train.batches(50, epochs=epochs) { n = n + len(b.images) }
assert(n == epochs * len(data.train.images))
END
few=$(peak batches.nn)
many=$(peak batches.nn epochs=40)
echo "$few KiB for 1 epoch, $many KiB for 40"
[ "$many" -lt $((few + few / 4 + 8000)) ]
