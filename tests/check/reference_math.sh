#!/bin/sh
# Elementwise functions, reductions and ordering ops with their gradients against PyTorch's figures,
# in float64 and float.
. "$(dirname "$0")/reference.bash"

# what every script begins with: dtype, tolerance
begin() {
    cat <<END
fn tensor(list) = constant(list, dtype=$1)
fn near(what, ours, theirs) {
  wanted = reshape(tensor(theirs), ours.shape)
  worst = max(abs(ours - wanted) / (1 + abs(wanted))).eval()
  assert(worst < $2, "{what} differs by {worst:g}")
}
# f(x) and the gradient of sum(f(x) * upstream)
fn hold(what, f, x, upstream, value, gradient) {
  near(what, f(x), value)
  near("the gradient of {what}", gradients(sum(f(x) * upstream), x), gradient)
}
END
}

elementwise() {
    cat "$data/elementwise.txt"
    cat <<'END'
variable v = tensor(x)
hold("erf", erf, v, 1, y_erf, d_erf)
hold("sin", sin, v, 1, y_sin, d_sin)
hold("cos", cos, v, 1, y_cos, d_cos)
hold("expm1", expm1, v, 1, y_expm1, d_expm1)
hold("log1p", abs >> log1p, v, 1, y_log1p, d_log1p)
hold("softplus", softplus, v, 1, y_softplus, d_softplus)
hold("gelu", gelu, v, 1, y_gelu, d_gelu)
hold("gelu by tanh", gelu(_, approximate="tanh"), v, 1, y_gelu_tanh, d_gelu_tanh)
hold("silu", silu, v, 1, y_silu, d_silu)
hold("elu", elu, v, 1, y_elu, d_elu)
hold("elu, alpha=2", elu(_, alpha=2), v, 1, y_elu_2, d_elu_2)
hold("selu", selu, v, 1, y_selu, d_selu)
hold("leaky_relu", leaky_relu, v, 1, y_leaky_relu, d_leaky_relu)
hold("clip", clip(_, -1.5, 2), v, 1, y_clip, d_clip)
hold("clip from below", clip(_, low=-1.5), v, 1, y_clip_low, d_clip_low)
hold("abs", abs, v, 1, y_abs, d_abs)
near("round", round(tensor(halves)), y_round)
near("ceil", ceil(tensor(halves)), y_ceil)
variable base = tensor(p)
variable exponent = tensor(q)
power = base ** exponent
near("pow", power, y_pow)
near("the gradient of pow", gradients(sum(power), base), dp_pow)
by_exponent = gradients(sum(power), exponent)
near("pow by its exponent", where(tensor(is_real) > 0, by_exponent, 0), dq_pow)
END
}

reductions() {
    cat "$data/reductions.txt"
    cat <<'END'
variable v = reshape(tensor(x), [3, 4, 5])
variable w = reshape(tensor(p), [3, 4, 5])
along_1 = reshape(tensor(dy), [3, 5])
along_02 = tensor(g)
along_all = tensor(h)[0]
hold("prod", prod(_, axis=1), w, along_1, y_prod_1, d_prod_1)
hold("prod over two axes", prod(_, axis=[0, 2]), w, along_02, y_prod_02, d_prod_02)
hold("var", var(_, axis=1), v, along_1, y_var_1, d_var_1)
hold("var of a sample", var(_, axis=[0, 2], correction=1), v, along_02, y_var_02, d_var_02)
hold("var of all", var(_, correction=1), v, along_all, y_var, d_var)
hold("std of a sample", std(_, axis=1, correction=1), v, along_1, y_std_1, d_std_1)
hold("std", std(_, axis=[-1, 0]), v, along_02, y_std_02, d_std_02)
hold("logsumexp", (_ * 8) >> logsumexp(axis=1), v, along_1, y_logsumexp_1, d_logsumexp_1)
hold("logsumexp over two axes", logsumexp(_, axis=[0, 2]), v, along_02, y_logsumexp_02, d_logsumexp_02)
near("argmin", cast(argmin(v, axis=1), v.dtype), y_argmin_1)
near("argmax", cast(argmax(v, axis=1), v.dtype), y_argmax_1)
near("any", cast(any(v > 1.5, axis=1), v.dtype), y_any_1)
near("all", cast(all(v > -1.5, axis=1), v.dtype), y_all_1)
END
}

order() {
    cat "$data/order.txt"
    cat <<'END'
variable v = reshape(tensor(x), [3, 4, 5])
upstream = reshape(tensor(dy), [3, 4, 5])
fn as_indices(what, ours, theirs) = near(what, cast(ours, v.dtype), theirs)
hold("cumsum", cumsum(_, axis=1), v, upstream, y_cumsum_1, d_cumsum_1)
hold("cumsum from the end", cumsum(_, reverse=true), v, upstream, y_cumsum_reverse, d_cumsum_reverse)
hold("cumsum without itself", cumsum(_, axis=0, exclusive=true), v, upstream, y_cumsum_exclusive, d_cumsum_exclusive)
hold("sort", sort, v, upstream, y_sort, d_sort)
hold("falling sort", sort(_, axis=0, descending=true), v, upstream, y_sort_0, d_sort_0)
as_indices("argsort", argsort(v), i_sort)
as_indices("falling argsort", argsort(v, axis=-3, descending=true), i_sort_0)
hold("top_k", (fn (t) -> top_k(t, 2).values), v, reshape(tensor(g), [3, 4, 2]), y_top_k, d_top_k)
as_indices("the indices of top_k", top_k(v, 2).indices, i_top_k)
END
}

for family in elementwise reductions order; do
    { begin float64 1e-13; $family; } | holds "$family float64"
    { begin float 3e-6; $family; } | holds "$family float"
done
