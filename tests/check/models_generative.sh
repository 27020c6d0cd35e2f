#!/bin/bash
# models/mnist_lstm.nn, vae.nn, gan.nn, char_lstm.nn and char_transformer.nn as they stand, for a few
# seconds each: they run without a warning, and what they print is between what an untrained network
# and a whole training give (models/README.md).
set -u
nnrun=${NNRUN:-build/nnrun}
failed=0

# within WHAT PATTERN LOW HIGH: the number that follows PATTERN in the last line of `out` with it
within() {
    local found
    found=$(grep -oE "$2[0-9.]+" out | tail -1 | grep -oE '[0-9.]+$')
    awk -v x="${found:-nan}" -v low="$3" -v high="$4" 'BEGIN { exit !(x >= low && x <= high) }' && return
    echo "$1: ${found:-nothing} after \"$2\" is not within $3 to $4"
    cat out
    failed=1
}

# trained SCRIPT NAME=VALUE ..: its output in `out`
trained() {
    local script=$1
    shift
    "$nnrun" --quiet --seed 1 "$TOP/models/$script.nn" "$@" > out 2> err || { echo "$script: status $?"; failed=1; }
    [ -s err ] && { cat err; failed=1; }
    return 0
}

# Untrained 3.6 nats, the least that is possible 0.264.
trained char_lstm steps=60 batch_size=32
within char_lstm "test: " 0.264 2.5
trained char_transformer steps=40
within char_transformer "test: " 0.264 2.0
[ $failed -eq 0 ] || exit 1

[ -e "${NNRUN_DATA:-}/mnist/train-images-idx3-ubyte.gz" ] || { echo "no MNIST in ${NNRUN_DATA:-}"; exit 77; }

trained mnist_lstm steps=150 data=mnist
within mnist_lstm "test accuracy on MNIST: " 0.70 0.95
trained vae epochs=1 data=mnist
within vae "test on MNIST: " 120 140
[ "$(wc -l < out)" -eq 22 ] || { echo "vae: two rows of digits, of 10 lines each, are expected"; failed=1; }
trained gan steps=150 judge_steps=100 data=mnist
within gan "the judge is right on " 80 97
within gan "samples +sure of .*score " 1 6
[ $failed -eq 0 ]
