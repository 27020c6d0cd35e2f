#!/bin/sh
# Evaluations in chunks: the values of an evaluation at once, whatever a chunk holds; draws and results for each
# row to the bit, reductions of large tensors to the last digits; less memory; what cannot be cut is not.
set -eu
. "$(dirname "$0")/peak.bash"
cat > rows.nn <<'END'
placeholder x: float[batch, 60]
placeholder labels: int[batch]
placeholder series: float[time, batch, 3]
noise = random_normal([batch, 20])
scale = random_uniform([100])
h = x |> dense(100) |> relu |> dropout(0.5)
v = dense(20)(h * scale) + noise
images = reshape(x, [batch, 4, 5, 3]) |> conv(16) |> relu |> max_pool(2)
data = random_uniform([5003, 60]).eval()
wanted = cast(data[:, 0] * 20, int)
steps = random_uniform([4, 5003, 3]).eval()
fn row(t) { print(fingerprint_of(t)) }
fn fingerprint_of(t) = "{t[0]} {t[2501]} {t[5002]} {sum(t * t)}"

# for each row, and what is joined from the rows
row(v.eval(x=data, training=true))
row(v.eval(x=data))
row(images.eval(x=data))
small = reshape(x, [batch, 4, 5, 3])
grown = small |> pad([0, 1, 0, 0], mode="reflect") |> resize([2, 3], method="bilinear") |> conv_transpose(2) |> relu
row(grown.eval(x=data))
row(transpose(v).eval(x=data)[0:1] |> transpose)
print(mean(argmax(v, axis=1) == labels).eval(x=data, labels=wanted))
print(mean(sparse_softmax_cross_entropy(v, labels)).eval(x=data, labels=wanted, training=true))
print(sum(cast(labels > 10, int)).eval(labels=wanted))
a, b = eval(argmax(v, axis=1), max(v, axis=1), x=data)
print(sum(a), b[5002])
row(transpose(series * 2, perm=[1, 0, 2]).eval(series=steps))
row(concat([h, v], axis=1).eval(x=data, training=true))
table = random_normal([20, 30])
row(table[labels].eval(labels=wanted))
row((v[:, 3:9] * gather(v, [1, 5, 2, 4, 0, 3], axis=1)).eval(x=data))
cell = dense(24) >> tanh
wide = dense(20)
fn recurrent(xs, first) = scan(fn (s, x) -> cell(concat([s, wide(x)], axis=1)), over=xs, axis=1, init=first)
states = recurrent(reshape(x, [batch, 12, 5]), zeros([batch, 24]))
row(states[:, -1].eval(x=data))
print(mean(argmax(states[:, -1], axis=1) == labels).eval(x=data, labels=wanted))
nested = fold(fn (s, i) -> s + scan(fn (t, j) -> t + s * 2, over=range(3), init=s)[1], over=range(2), init=v)
row(sum(nested, axis=1).eval(x=data))
# it needs all rows, but what it needs them of does not
print(softmax(sum(h, axis=1), axis=0).eval(x=data, training=true)[7])
END
cat > reduced.nn <<'END'
placeholder x: float[batch, 60]
h = x |> dense(400) |> relu |> dropout(0.5)
data = random_uniform([5003, 60]).eval()
print("{mean(h).eval(x=data):.6f}")
print("{mean(h, axis=0).eval(x=data)[3]:.5f} {mean(h, axis=[0], keepdims=true).eval(x=data).shape}")
print("{sum(h).eval(x=data, training=true) / 1e5:.5f}")
print(any(h > 1e6).eval(x=data), all(h > -1, axis=0).eval(x=data)[7])
print("{prod(1 + h * 1e-6).eval(x=data):.4f}")
print(max(h).eval(x=data), min(h - 1).eval(x=data))
most, low = eval(max(h), mean(h, axis=batch), x=data)
print("{most} {low[399]:.5f}")
END
"$NNRUN" --memory 4G rows.nn > whole
for memory in 2600K 3M 4M; do
    "$NNRUN" --memory $memory --threads 2 rows.nn > chunks
    diff whole chunks
done
"$NNRUN" --memory 100K rows.nn > chunks 2>&1 && exit 1
grep 'asks for .*, and --memory allows 100.0 KiB' chunks
"$NNRUN" --memory 4G reduced.nn > whole
"$NNRUN" --memory 2600K reduced.nn > chunks
diff whole chunks
"$NNRUN" --memory 2600K --threads 1 reduced.nn > one
cmp chunks one

# A fault in a row says which.
cat > fault.nn <<'END'
placeholder x: float[batch, 60]
placeholder labels: int[batch]
v = x |> dense(2000) |> dense(10)
bad = cast(random_uniform([9000]).eval() * 10, int)
data = random_uniform([9000, 60]).eval()
wrong = bad + cast(one_hot([8999], 9000)[0] * 20, int)
print(mean(sparse_softmax_cross_entropy(v, labels)).eval(x=data, labels=wrong))
END
"$NNRUN" fault.nn > out 2>&1 && exit 1
cat out
grep 'in rows [0-9]* to 8999 of batch, counted from the first of these' out

# The network of the test set needs the memory of its training.
cat > network.nn <<'END'
param rows = 50
placeholder x:  float[batch, 784]
placeholder y_: float[batch, 10]
logits = x |> reshape([batch, 28, 28, 1]) |> conv(32, size=5) |> relu |> max_pool(2)
  |> conv(64, size=5) |> relu |> max_pool(2) |> flatten |> dense(1024) |> relu |> dense(10)
loss cost = mean(softmax_cross_entropy(logits, y_))
optimizer step = adam(1e-4).minimize(cost)
metric accuracy = mean(argmax(logits, axis=1) == argmax(y_, axis=1))
data = zeros([10000, 784]).eval()
labels = one_hot(cast(zeros([10000]), int), 10).eval()
step.run(x=data[:50], y_=labels[:50])
if rows == 10000 { print(accuracy.eval(x=data, y_=labels)) }
else { print(accuracy.eval(x=data[:rows], y_=labels[:rows])) }
END
few=$(peak network.nn rows=50)
many=$(peak network.nn rows=10000)
echo "$few KiB for 50 rows, $many KiB for 10000"
[ "$many" -lt $((few + few / 20)) ]
