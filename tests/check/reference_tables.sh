#!/bin/sh
# A table with gaps, read, filled, scaled and stacked, against NumPy's figures in tests/data/reference.
set -eu
nnrun=${NNRUN:-build/nnrun}
data=${TESTS:?}/data
{
    cat "$data/reference/tables.txt"
    cat <<END
table = load_csv("$data/csv/measures.csv", missing="nan")
train, rest = table.split([30, 10], shuffle=false)
complete = fill_missing(train)
full = train.map(complete)
fn near(what, data, expected) {
  worst = max(abs(data.x - constant(expected)))
  assert(worst < 2e-6, "{what} differs by {worst:g}")
}
fn hold(scale, expected) {
  prepare = features(full, scale=scale)
  near("what was fitted on", full.map(prepare), expected[0:30])
  near("the rest", rest.map(complete).map(prepare), expected[30:])
}
hold(standardise, standardised)
hold(normalise, normalised)
print("ok", table.categories.city)
END
} > script.nn
"$nnrun" script.nn > out
grep -qx 'ok \["Aachen, West", "Köln", "Ulm"\]' out
