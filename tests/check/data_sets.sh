#!/bin/bash
# load_mnist and load_cifar10 on the real sets: lengths, shapes and names, found as folder and below NNRUN_DATA. load_digits:
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

# a folder that is not there is not MNIST
echo 'm = load_mnist("clothes")' > script.nn
"$nnrun" script.nn > out 2> err && exit 1
grep -q 'error: no folder "clothes" has the four files' err
grep -q "looked in $NNRUN_DATA/clothes: no such folder" err

# the part of CIFAR-10 that is here: how many examples each class has
data=${NNRUN_DATA:-}/cifar10
[ "$(cat "$data"/data_batch_1.bin "$data"/test_batch.bin 2> /dev/null | wc -c)" -eq 15365000 ] || exit 0
cat > script.nn <<'EOS'
c = load_cifar10(one_hot=false, validation=0)
print(sum(one_hot(c.train.labels, 10), axis=0))
print(sum(one_hot(c.test.labels, 10), axis=0))
print(c.title, c.test.images.shape, c.test.categories.labels[8])
EOS
"$nnrun" script.nn > out
cat > expected <<'EOS'
[396, 366, 420, 384, 422, 393, 414, 385, 407, 413]
[103,  89, 100, 103,  90,  86, 112, 102, 106, 109]
CIFAR-10 (4,000 of 50,000 training images) [1000, 32, 32, 3] ship
EOS
diff expected out
