#!/bin/sh
# Values and gradients of indexing, movement and einsum against PyTorch's figures.
. "$(dirname "$0")/reference.bash"

# hold FIGURES DTYPE TOLERANCE: the program on stdin, with table(list, shape) and near(what, tensor, list)
hold() {
    {
        cat "$data/$1.txt"
        cat <<END
fn table(values, shape) = reshape($2(values), shape)
fn near(what, a, values) {
  worst = max(abs(reshape(a, [-1]) - $2(values)))
  assert(worst < $3, "{what} differs by {worst:g}")
}
END
        sed "s/DTYPE/$2/"
    } | holds "$1 $2"
}

gather() {
    hold gather "$1" "$2" <<'END'
for i in range(len(cases)) {
  c = cases[i]
  x = table(c.x, c.shape)
  indices = reshape(int(c.indices), c.indexed)
  y = gather(x, indices, axis=c.axis)
  near("y of case {i}", y, c.y)
  near("dx of case {i}", gradients(sum(y * table(c.dy, y.shape)), x), c.dx)
  updates = table(c.updates, y.shape)
  s = scatter_add(x, indices, updates, axis=c.axis)
  near("s of case {i}", s, c.s)
  dtarget, dupdates = gradients(sum(s * table(c.ds, c.shape)), [x, updates])
  near("dtarget of case {i}", dtarget, c.dtarget)
  near("dupdates of case {i}", dupdates, c.dupdates)
}
END
}

movement() {
    hold movement "$1" "$2" <<'END'
functions = {
  tile: tile(_, [1, 2, 3]), repeat: repeat(_, 3, axis=1), flip: flip(_, [0, -1]), roll: roll(_, -3, axis=2),
  roll_far: roll(_, 5, axis=1), swap_axes: swap_axes(_, 0, -1), squeeze: fn (x) -> squeeze(x[:, 0:1]),
  expand_dims: expand_dims(_, -2), split: fn (x) -> split(x, [1, 2], axis=1)[1],
  split_equal: fn (x) -> split(x, 2, axis=-1)[0], unstack: fn (x) -> unstack(x, axis=1)[2],
  stack: fn (x) -> stack([x, x * 2, flip(x)], axis=2), slice: slice(_, 3, 0, -2, axis=2), tril: tril(_, k=1),
  triu: triu(_, k=1), diag_part: fn (x) -> diag_part(x[:, :, 0:3]),
}
# the same over sizes that are known when it is run
placeholder open: DTYPE[rows, columns, depth]
fn is_fixed(op) {
  for name in ["slice", "split", "split_equal", "unstack", "squeeze", "diag_part", "roll", "roll_far"] { if op == name { return true } }
  false
}
fn hold(c, x, y, feeds) {
  near("{c.op}", y.eval(feeds), c.y)
  near("the gradient of {c.op}", gradients(sum(y * table(c.dy, c.to)), x).eval(feeds), c.dx)
}
for i in range(len(cases)) {
  c = cases[i]
  x = table(c.x, c.shape)
  y = functions[c.op](x)
  for k in range(y.rank) { assert(y.shape[k] == c.to[k], "{c.op}: axis {k} is {y.shape[k]}") }
  hold(c, x, y, {})
  if not is_fixed(c.op) { hold(c, open, functions[c.op](open), {open: x.eval()}) }
}
END
}

einsum() {
    hold einsum "$1" "$2" <<'END'
fn call(text, xs) {
  if len(xs) == 1 { return einsum(text, xs[0]) }
  if len(xs) == 2 { return einsum(text, xs[0], xs[1]) }
  if len(xs) == 3 { return einsum(text, xs[0], xs[1], xs[2]) }
  einsum(text, xs[0], xs[1], xs[2], xs[3])
}
for i in range(len(cases)) {
  c = cases[i]
  xs = []
  for k in range(len(c.xs)) { xs = xs + [table(c.xs[k], c.shapes[k])] }
  y = call(c.text, xs)
  for k in range(y.rank) { assert(y.shape[k] == c.to[k], "{c.text}: axis {k} is {y.shape[k]}") }
  near("{c.text}", y, c.y)
  dxs = gradients(sum(y * table(c.dy, c.to)), xs)
  for k in range(len(dxs)) { near("gradient {k} of {c.text}", dxs[k], c.dxs[k]) }
}
END
}

gather float64 1e-12
movement float64 1e-12
movement float 1e-5
einsum float64 1e-11
einsum float 2e-4
gather float 1e-5
