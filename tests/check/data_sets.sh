#!/bin/bash
# load_mnist on the real sets: lengths, shapes and names, found as folder and below NNRUN_DATA. load_digits:
# the same numbers twice.
set -eu
nnrun=${NNRUN:-build/nnrun}

cat > script.nn <<'EOF'
d = load_digits(train=300, test=100)
print(d.train.length)
print(d.test.length)
print(d.test.images.eval()[0:3, 400:404])
EOF
[ "$("$nnrun" --seed 5 script.nn)" = "$("$nnrun" --seed 5 script.nn)" ]
"$nnrun" --seed 5 script.nn | head -2 | tr '\n' ' ' | grep -qx '300 100 '

for set in mnist fashion-mnist; do
    data=${NNRUN_DATA:-}/$set
    [ -e "$data/train-images-idx3-ubyte.gz" ] || { echo "no $set under NNRUN_DATA"; exit 77; }
    for folder in "$data" "$set"; do
        cat > script.nn <<EOF
m = load_mnist("$folder")
print(m.train.length)
print(m.validation.length)
print(m.test.length)
b = m.train.next_batch(100)
print(b.images)
EOF
        "$nnrun" script.nn | head -3 | tr '\n' ' ' | grep -qx '55000 5000 10000 '
    done
done
