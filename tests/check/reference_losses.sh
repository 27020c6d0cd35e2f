#!/bin/sh
# The library's losses with their gradients against PyTorch's figures, in float64 and float.
. "$(dirname "$0")/reference.bash"

# what every script begins with: dtype, tolerance
begin() {
    cat <<END
fn figures(list) = constant(list, dtype=$1)
fn near(what, ours, theirs) {
  wanted = reshape(figures(theirs), ours.shape)
  worst = max(abs(ours - wanted) / maximum(abs(wanted), 0.1)).eval()
  assert(worst < $2, "{what} differs by {worst:g}")
}
# y and the gradients of sum(y * upstream)
fn hold(what, y, inputs, value, upstream, slopes) {
  near(what, y, value)
  all = gradients(sum(y * reshape(figures(upstream), y.shape)), inputs)
  for i in range(len(inputs)) { near("gradient {i} of {what}", all[i], slopes[i]) }
}
END
}

losses() {
    cat "$data/losses.txt"
    cat <<'END'
fn table(list) = reshape(figures(list), [6, 5])
variable a = table(x)
variable b = table(t)
variable c = table(w)
variable weight = table(p)
variable count = table(counts)
sign = 2 * table(yes) - 1
nearly = a + c / 16
alike = figures(same)
hold("huber", huber(1.5)(a, b), [a, b], y_huber, u_huber, [d0_huber, d1_huber])
hold("smooth l1", huber(0.5)(a, b) / 0.5, [a, b], y_smooth_l1, u_smooth_l1, [d0_smooth_l1, d1_smooth_l1])
hold("log_cosh", log_cosh(a, b), [a, b], y_log_cosh, u_log_cosh, [d0_log_cosh, d1_log_cosh])
hold("poisson", poisson()(a, count), [a, count], y_poisson, u_poisson, [d0_poisson, d1_poisson])
rate = abs(a) + 0.5
hold("poisson of rates", poisson(log_input=false)(rate, count), [rate, count],
     y_poisson_rate, u_poisson_rate, [d0_poisson_rate, d1_poisson_rate])
z = 8 * a
hold("sigmoid_cross_entropy", sigmoid_cross_entropy(z, weight), [z, weight], y_sigmoid, u_sigmoid,
     [d0_sigmoid, d1_sigmoid])
hold("focal", focal()(a, table(yes)), [a], y_focal, u_focal, [d0_focal])
hold("softmax_focal", softmax_focal(1.5)(a, weight), [a], y_softmax_focal, u_softmax_focal, [d0_softmax_focal])
hold("hinge", hinge(1.5)(a, sign), [a], y_hinge, u_hinge, [d0_hinge])
hold("categorical_hinge", categorical_hinge(1.5)(nearly, classes), [nearly],
     y_categorical_hinge, u_categorical_hinge, [d0_categorical_hinge])
hold("multi_margin", multi_margin(1.5)(nearly, classes), [nearly], y_multi_margin, u_multi_margin, [d0_multi_margin])
hold("kl_divergence", kl_divergence(a, weight), [a], y_kl, u_kl, [d0_kl])
quarter = b / 4
hold("gaussian_kl", gaussian_kl(a, quarter), [a, quarter], y_gaussian_kl, u_gaussian_kl, [d0_gaussian_kl, d1_gaussian_kl])
smooth = label_smoothing(one_hot(classes, 5, a.dtype), 0.2)
hold("label_smoothing", softmax_cross_entropy(a, smooth), [a], y_smoothed, u_smoothed, [d0_smoothed])
hold("cosine_similarity", cosine_similarity(a, b), [a, b], y_cosine_similarity, u_cosine_similarity,
     [d0_cosine_similarity, d1_cosine_similarity])
hold("cosine_embedding", cosine_embedding(-0.25)(a, b, alike), [a, b], y_cosine_embedding, u_cosine_embedding,
     [d0_cosine_embedding, d1_cosine_embedding])
hold("contrastive", contrastive(7)(a, b, alike), [a, b], y_contrastive, u_contrastive, [d0_contrastive, d1_contrastive])
hold("triplet", triplet(2)(a, b, c), [a, b, c], y_triplet, u_triplet, [d0_triplet, d1_triplet, d2_triplet])
END
}

ctc() {
    cat "$data/ctc.txt"
    cat <<'END'
variable z = reshape(figures(logits), [4, 7, 5])
said = reshape(constant(labels, dtype=int), [4, 3])
hold("ctc", ctc()(z, said, frames, counts), [z], y_ctc, u_ctc, [d0_ctc])
hold("ctc, padded with -1", ctc()(z, where(iota(3) < constant(counts, dtype=int)[:, new], said, -1), frames, counts), [z],
     y_ctc, u_ctc, [d0_ctc])
hold("ctc, blank last", ctc(blank=4)(z, 4 - said, frames, counts), [z], y_blank, u_blank, [d0_blank])
whole = constant([[1, 2, 1], [3, 3, 1], [4, 1, 2], [2, 2, 2]], dtype=int)
hold("ctc of all", ctc()(z, whole), [z], y_long, u_long, [d0_long])
END
}

for family in losses ctc; do
    { begin float64 1e-7; $family; } | holds "$family float64"
    { begin float 1e-5; $family; } | holds "$family float"
done
