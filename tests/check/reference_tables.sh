#!/bin/sh
# A table with gaps, read, filled, scaled and stacked, against NumPy's figures.
. "$(dirname "$0")/reference.bash"
{
    cat "$data/tables.txt"
    cat <<END
table = load_csv("${TESTS:?}/data/csv/measures.csv", missing="nan")
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
print(table.categories.city)
END
} | holds tables
grep -qx '\["Aachen, West", "Köln", "Ulm"\]' out
