#!/bin/bash
# Faults that only a run can find: each names the line of the script, and nothing is updated.
. "$(dirname "$0")/cli.bash"

cat > label.nn <<'SCRIPT'
placeholder x: float[n, 3]
placeholder l: int[n]
variable W = zeros([3, 4])
loss ce = mean(sparse_softmax_cross_entropy(x @ W, l))
optimizer step = gradient_descent(0.5).minimize(ce)
step.run(x=[[1, 2, 3], [1, 2, 3]], l=[1, 9])
SCRIPT
expect 1 "$nnrun" label.nn
err_has 'label.nn:4:52: error:' '`labels` holds 9, which is outside 0..3 (element 1)' 'label.nn:6:1: note: demanded by `step.run`'

cat > loss.nn <<'SCRIPT'
placeholder x: float[n, 2]
placeholder y: float[n, 2]
variable W = zeros([2, 2])
h = x @ W
loss ce = mean(-sum(y * log(h), axis=1))
optimizer step = gradient_descent(0.5).minimize(ce)
step.run(x=[[1, 2], [1, 2]], y=[[1, 0], [0, 1]])
SCRIPT
expect 1 "$nnrun" loss.nn
err_has 'loss.nn:7:1: error: the loss `ce` is NaN at step 0: nothing was updated' \
    'loss.nn:5:25: note: `log` is the first op that gives such a value: -infinity at [0, 0]'
expect 1 "$nnrun" --threads 1 loss.nn && cp err one
expect 1 "$nnrun" --threads 2 loss.nn
cmp -s one err || wrong 'the number of threads changes what is said'

cat > gradient.nn <<'SCRIPT'
variable b = ones([3])
variable W = ones([3])
loss l = sum(b * sqrt(W - 1))
optimizer step = adam(0.1).minimize(l)
step.run()
SCRIPT
expect 1 "$nnrun" gradient.nn
err_has 'gradient.nn:5:1: error: the gradient of `W` is infinity at step 0: nothing was updated' 'gradient.nn:3:18: note:'

expect 0 "$nnrun" -e 'print(log(zeros([1])))' && out '[-inf]'
expect 1 "$nnrun" --check-numerics -e 'print(log(zeros([1])))' && out ''
err_has '<-e>:1:7: error: `log` gives -infinity at [0]'
expect 1 "$nnrun" -e 'print(dropout(ones([3]), 1.5))' && err_has 'keep_prob 1.5 is outside (0, 1]'
expect 1 "$nnrun" -e 'placeholder x: float
print(x * 2)' && err_has '<-e>:2:7: error:' 'was not fed'
expect 1 "$nnrun" -e 'print(sum(random_normal([100000, 100000, 1000])))' && out ''
err_has 'there is not enough memory' 'it asks for 36.4 TiB' 'random_normal'
finish
