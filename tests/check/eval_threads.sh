#!/bin/sh
# The same seed gives the same bits at one thread and at two, and twice; another seed gives others.
set -eu
[ -d "$NNRUN_DATA/mnist" ] || { echo "there is no data set in $NNRUN_DATA/mnist"; exit 77; }
cat > train.nn <<'END'
mnist = load_mnist("MNIST_data")
placeholder x:         float[batch, 784]
placeholder y_:        float[batch, 10]
placeholder keep_prob: float = 1.0
logits = x |> reshape([batch, 28, 28, 1]) |> conv(8, size=5) |> relu |> max_pool(2)
  |> conv(16) |> relu |> max_pool(2) |> flatten |> dense(64) |> tanh |> dropout(keep_prob) |> dense(10)
loss cross_entropy   = mean(softmax_cross_entropy(logits, y_))
optimizer train_step = adam(1e-3).minimize(cross_entropy)
metric accuracy      = mean(argmax(logits, axis=1) == argmax(y_, axis=1))
for i in range(60) {
  b = mnist.train.next_batch(50)
  train_step.run(x=b.images, y_=b.labels, keep_prob=0.5)
}
print(accuracy.eval(x=mnist.test.images[:1000], y_=mnist.test.labels[:1000]))
print(fingerprint())
END
"$NNRUN" --seed 5 --threads 1 train.nn > one
"$NNRUN" --seed 5 --threads 2 train.nn > two
"$NNRUN" --seed 5 train.nn > default
"$NNRUN" --seed 6 --threads 1 train.nn > other
cat one two default other
cmp one two
cmp one default
! cmp -s one other
