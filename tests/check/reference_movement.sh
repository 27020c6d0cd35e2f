#!/bin/sh
# Values and gradients of gather and scatter_add against PyTorch's figures in tests/data/reference, which are statements of
# the language: figures and program make one script.
set -eu
nnrun=${NNRUN:-build/nnrun}
data=$(dirname "$0")/../data/reference
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# hold FIGURES DTYPE TOLERANCE: the program on stdin, with table(list, shape) and near(what, tensor, list)
hold() {
    {
        cat "$data/$1.txt"
        cat <<END
dtype = $2
fn table(values, shape) = reshape(dtype(values), shape)
fn near(what, a, values) {
  worst = max(abs(reshape(a, [-1]) - dtype(values)))
  assert(worst < $3, "{what} differs by {worst:g}")
}
END
        cat
        echo 'print("ok")'
    } > "$work/script.nn"
    "$nnrun" "$work/script.nn" > "$work/out" 2> "$work/err" || { cat "$work/err" >&2; echo "failed: $1 $2" >&2; exit 1; }
    grep -qx ok "$work/out" || { echo "failed: $1 $2" >&2; exit 1; }
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

gather float64 1e-12
gather float 1e-5
