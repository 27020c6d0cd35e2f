#!/bin/bash
# load_npy and load_npz: what NumPy saved is read as it was; what is no dtype of ours and any damage are refused in words,
# never by a crash.
. "$(dirname "$0")/cli.bash"
data=${TESTS:?}/data/npy

cat > script.nn <<EOF
cube = load_npy("$data/cube.npy")
other = load_npy("$data/fortran_big.npy")
print(cube.dtype, cube.shape, cube[1, 2], other.dtype, sum(cast(other, float) == cube))
print(load_npy("$data/bools.npy"), load_npy("$data/scalar.npy"), load_npy("$data/nothing.npy").shape)
print(load_npy("$data/version1.npy"), load_npy("$data/version2.npy"), load_npy("$data/version3.npy"))
stored = load_npz("$data/stored.npz")
deflated = load_npz("$data/deflated.npz")
print(stored.labels, stored.images.dtype, stored.images[1, 2], sum(deflated.x), deflated.y.dtype, sum(deflated.y))
placeholder x: float[batch, 3, 4]
print((x + 1).eval(x=cube)[0, 0])
print(dataset(stored, name="stored"))
EOF
expect 0 "$nnrun" script.nn && silent
cat > expected <<'EOF'
float [2, 3, 4] [20, 21, 22, 23] int64 24
[ true, false,  true] 3.5 [0, 3]
[0, 1, 2, 3, 4] [0, 1, 2, 3, 4] [0, 1, 2, 3, 4]
[7, 9] uint8 [20, 21, 22, 23] 0 float64 4950
[1, 2, 3, 4]
data set stored of 2 examples {images: uint8[2, 3, 4], labels: int[2]}
EOF
diff expected out || wrong 'the arrays differ'

refused "load_npy(\"$data/half.npy\")" 'holds float16, for which there is no dtype here'
refused "load_npy(\"$data/complex.npy\")" 'holds complex numbers'
refused "load_npy(\"$data/objects.npy\")" 'holds objects of Python'
refused "load_npy(\"$data/records.npy\")" 'holds records of several values'
refused "load_npy(\"$data/stored.npz\")" 'it is an archive: load_npz'
refused "load_npz(\"$data/cube.npy\")" 'it is one array: load_npy'
refused 'load_npy("none.npy")' 'there is no file "none.npy"'
head -c 200 "$data/cube.npy" > cut.npy
refused 'load_npy("cut.npy")' 'is truncated: its elements take 72 bytes, but float[2, 3, 4] has 96'
{ cat "$data/cube.npy"; echo; } > long.npy
refused 'load_npy("long.npy")' 'is too long'
sed 's/(2, 3, 4)/(2, 3, 9999999999)/' "$data/cube.npy" > large.npy
refused 'load_npy("large.npy")' 'is truncated'
sed 's/fortran_order/fortran_ordem/' "$data/cube.npy" > key.npy
refused 'load_npy("key.npy")' 'has a damaged header: '
: > empty.npy
refused 'load_npy("empty.npy")' 'is empty'

# a damaged check sum is seen by the run, which reads the elements
printf 'z = load_npz("sum.npz")\nprint(z.images.shape)\n' > script.nn
sed 's/\x14\x15\x16/\x14\x15\x17/' "$data/stored.npz" > sum.npz
expect 1 "$nnrun" script.nn && err_has 'sum.npz: images.npy is corrupt: CRC error'

# any damage: an array, or a message
damaged() { # CALL
    "$nnrun" -e "$1" > out 2> err < /dev/null
    status=$?
    [ "$status" -le 1 ] || wrong "exit status $status"
    [ "$status" -eq 0 ] || err_has ':1:1: error: '
}
for name in version2.npy deflated.npz; do
    call="load_${name##*.}(\"damaged\")"
    for ((at = 0; at < $(stat -c %s "$data/$name"); at += 29)); do
        last="$name, damaged at $at"
        head -c $at "$data/$name" > damaged
        damaged "$call"
        { head -c $at "$data/$name"; printf '\xff'; tail -c +$((at + 2)) "$data/$name"; } > damaged
        damaged "$call"
    done
done
finish
