#!/bin/bash
# Loops in the graph: as many nodes and steps for 3,000 rows as for 3; the same bits at one thread and at two; memory
# that stays flat when a script writes the same loop over and over, and that remember=k keeps small.
set -eu
. "$(dirname "$0")/peak.bash"
cat > lstm.nn <<'END'
param n        = 3
param steps    = 1
param units    = 8
param remember = 0
placeholder x: float[batch, time, 16]
layer own_lstm(units)(x: float[batch, time, inputs]) {
  variable W = truncated_normal([inputs + units, 4 * units], stddev=0.05)
  variable b = zeros([4 * units])
  fn cell(c, x) {
    z = concat([x, c.h], axis=1) @ W + b
    i = sigmoid(z[:, 0:units])
    f = sigmoid(z[:, units:2 * units] + 1)
    o = sigmoid(z[:, 2 * units:3 * units])
    k = f * c.k + i * tanh(z[:, 3 * units:])
    {h: dropout(o * tanh(k), keep_prob=0.9), k: k}
  }
  start = {h: zeros([batch, units]), k: zeros([batch, units])}
  fold(cell, over=x, axis=time, init=start, remember=if remember > 0 { remember } else { none }).h
}
loss cost = mean((x |> own_lstm(units) |> dense(1)) ** 2)
optimizer step = adam(0.01).minimize(cost)
data = reshape(scan(fn (v, i) -> v * 0.9 + sin(cast(i, float)), over=range(64 * n), init=0), [4, n, 16]).eval()
for i in range(steps) { step.run(x=data) }
print(fingerprint())
END
few=$("$NNRUN" --dump=opt lstm.nn n=3 | grep -A1000 'step.run' | wc -l)
many=$("$NNRUN" --dump=opt lstm.nn n=3000 | grep -A1000 'step.run' | wc -l)
echo "$few lines of graph for 3 rows, $many for 3,000"
[ "$few" -gt 50 ]
[ "$few" -eq "$many" ]

TIMEFORMAT=%U
for try in 1 2 3; do
    few=$({ time "$NNRUN" --threads 1 --dump=plan lstm.nn n=3 > /dev/null; } 2>&1)
    many=$({ time "$NNRUN" --threads 1 --dump=plan lstm.nn n=3000 > /dev/null; } 2>&1)
    echo "$few s for 3 rows, $many s for 3,000, run once"
    awk "BEGIN { exit !($many < $few + 1) }" && break
    [ "$try" -lt 3 ]
done

for remember in 0 7; do
    "$NNRUN" --threads 1 lstm.nn n=20 steps=3 units=96 remember=$remember > one
    "$NNRUN" --threads 2 lstm.nn n=20 steps=3 units=96 remember=$remember > two
    cat one two
    cmp one two
    [ "$remember" -eq 0 ] && cp one plain
done
cmp one plain

slab() { "$NNRUN" --dump=plan lstm.nn n=3000 units=64 remember="$1" | grep -A1 'step.run' | sed -n 's/.*slab \([0-9.]*\) MiB.*/\1/p'; }
plain=$(slab 0) kept=$(slab 55)
echo "$plain MiB, with remember=55 $kept MiB"
awk "BEGIN { exit !($kept < $plain / 3) }"

cat > rounds.nn <<'END'
param rounds = 1000
placeholder x: float[time]
variable w = 0.5
for i in range(rounds) {
  y = fold(fn (h, v) -> scan(fn (g, j) -> tanh(g * w + v) + random_uniform([]), over=range(3), init=h)[2], over=x, init=i % 3)
  e = eval(y, gradients(y, w), x=[1, 2, 3])
}
END
few=$(peak rounds.nn rounds=1000)
many=$(peak rounds.nn rounds=10000)
echo "$few KiB for 1,000 rounds, $many KiB for 10,000"
[ "$many" -lt $((few + few / 4 + 10000)) ]
