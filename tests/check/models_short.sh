#!/bin/bash
# Scripts of models/ as they stand, on the head of their data and for a few seconds each: they run without a warning
# and learn. The bounds are far below what is reached and above chance; what a whole training gives is in models/README.md.
set -u
nnrun=${NNRUN:-build/nnrun}
models=$TOP/models
failed=0

# head_of FOLDER: the first 9,000 training and 1,000 test examples of the IDX files there, in a folder of that name here
head_of() {
    [ -e "$NNRUN_DATA/$1/train-images-idx3-ubyte.gz" ] || return 1
    mkdir "$1"
    head_of_file "$1/train-images-idx3-ubyte" 16 784 '\x00\x00\x23\x28' 9000
    head_of_file "$1/train-labels-idx1-ubyte" 8 1 '\x00\x00\x23\x28' 9000
    head_of_file "$1/t10k-images-idx3-ubyte" 16 784 '\x00\x00\x03\xe8' 1000
    head_of_file "$1/t10k-labels-idx1-ubyte" 8 1 '\x00\x00\x03\xe8' 1000
}

# FILE HEADER SIZE COUNT N: the header with another count, then N items of SIZE bytes
head_of_file() {
    zcat "$NNRUN_DATA/$1.gz" > whole
    {
        head -c 4 whole
        printf "$4"
        tail -c +9 whole | head -c $(($2 - 8 + $3 * $5))
    } > "$1"
    rm whole
}

# learns SCRIPT LOW HIGH [NAME=VALUE ..]: the last number that it prints lies between these
learns() {
    local script=$1 low=$2 high=$3
    shift 3
    "$nnrun" --quiet --seed 1 "$models/$script.nn" "$@" > out 2> err || { echo "$script: status $?"; cat err; failed=1; return; }
    ! grep -E '(error|warning):' err || { echo "$script: see above"; failed=1; }
    local reached
    reached=$(tail -1 out | grep -oE '[0-9]+\.[0-9]+' | tail -1)
    awk -v x="$reached" -v low="$low" -v high="$high" 'BEGIN { exit !(x >= low && x <= high) }' ||
        { echo "$script: $reached is not within $low to $high"; cat out; failed=1; }
}

learns linear_regression 0.0 0.3
learns logistic_regression 0.999 1.0
[ $failed -eq 0 ] || exit 1
{ head_of mnist && head_of fashion-mnist; } || { echo "no data in $NNRUN_DATA"; exit 77; }
learns mlp 0.80 0.98 data=mnist epochs=4
learns lenet5 0.60 0.98 data=mnist epochs=1
learns siamese 0.55 0.99 data=mnist steps=40
learns fashion_resnet 0.45 0.90 data=fashion-mnist epochs=3 width=8
learns autoencoder 15 40 data=mnist epochs=3
if [ -e "$NNRUN_DATA/cifar10/data_batch_1.bin" ]; then
    learns cifar10 0.15 0.60 epochs=1 width=16
fi
[ $failed -eq 0 ]
