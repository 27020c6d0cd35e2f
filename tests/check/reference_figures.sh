#!/bin/sh
# Ten steps of the library's optimizers, dropout with its mask fixed, and the cross-entropies with
# their gradients, against PyTorch's figures.
. "$(dirname "$0")/reference.bash"

# optimizer NAME(0.1) on the loss sum(g w) + sum(w w) / 8, whose gradient is g + w / 4
steps() {
    cat "$data/$1.txt"
    cat <<EOF
placeholder g: $2[n]
variable W: $2[6] = w
loss l = sum(g * W) + sum(W * W) / 8
optimizer step = $1(0.1).minimize(l)
gradients_of_step = [g_1, g_2, g_3, g_4, g_5, g_6, g_7, g_8, g_9, g_10]
expected = [w_1, w_2, w_3, w_4, w_5, w_6, w_7, w_8, w_9, w_10]
placeholder want: $2[n]
worst = max(abs(W - want))
for i in range(10) {
  step.run(g=gradients_of_step[i])
  difference = worst.eval(want=expected[i])
  assert(difference < $3, "step {i + 1} differs by {difference:g}")
}
EOF
}

# y = dropout(x) is linear in x: with the mask of this draw divided out, PyTorch's figures must come back under PyTorch's mask.
dropout() {
    cat "$data/dropout.txt"
    cat <<EOF
placeholder input: $1[n]
placeholder keep_prob: $1
d = where(constant(mask, dtype=$1) > 0, input / keep_prob, 0)
ours = dropout(input, keep_prob)
kept, dropped = eval(ours, gradients(sum(ours * dy), input), input=x, keep_prob=0.75)
for i in range(12) {
  # an element is either x / keep_prob with gradient dy / keep_prob, or 0 with gradient 0
  is_kept = kept[i] != 0
  a = if is_kept { abs(kept[i] - x[i] / 0.75) } else { abs(dropped[i]) }
  b = if is_kept { abs(dropped[i] - dy[i] / 0.75) } else { 0 }
  assert(a < 1e-6 and b < 1e-6, "element {i}")
  if mask[i] == 1 { assert(abs(y[i] - x[i] / 0.75) < 1e-6 and abs(dx[i] - dy[i] / 0.75) < 1e-6, "PyTorch's element {i}") }
}
EOF
}

cross_entropy() {
    # two figures are called like the ops that they are of
    sed 's/^softmax_cross_entropy/want/; s/^sparse_softmax_cross_entropy/want_sparse/' "$data/cross_entropy.txt"
    cat <<EOF
placeholder z: $1[n, 5]
placeholder t: $1[n, 5]
placeholder c: int[n]
upstream = constant(dy, dtype=$1)
fn worst(a, b) = max(abs(a - constant(b, dtype=$1)))
fn table(x) = reshape(constant(x, dtype=$1), [4, 5])
dense_loss = softmax_cross_entropy(z, t)
sparse_loss = sparse_softmax_cross_entropy(z, c)
safe_loss = -sum(t * log(softmax(z)), axis=1)
differences = eval(
  worst(dense_loss, want), worst(safe_loss, want), worst(sparse_loss, want_sparse),
  max(abs(gradients(sum(dense_loss * upstream), z) - table(dlogits))),
  max(abs(gradients(sum(safe_loss * upstream), z) - table(dlogits))),
  max(abs(gradients(sum(sparse_loss * upstream), z) - table(dlogits_sparse))),
  z=table(logits), t=table(labels), c=classes)
for i in range(6) { assert(differences[i] < $2, "figure {i} differs by {differences[i]:g}") }
EOF
}

for optimizer in adam momentum; do
    steps $optimizer float64 1e-7 | holds "$optimizer float64"
    # in float32, 1 - 0.999 ** t keeps four digits at the first steps
    steps $optimizer float 1e-5 | holds "$optimizer float"
done
for dtype in float float64; do
    dropout $dtype | holds "dropout $dtype"
done
cross_entropy float64 1e-12 | holds "cross_entropy float64"
cross_entropy float 2e-6 | holds "cross_entropy float"
