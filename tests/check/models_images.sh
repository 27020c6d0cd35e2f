#!/bin/bash
# models/unet.nn and mlp_mixer.nn as they stand, for a few seconds each: they run without a warning,
# and learn something.
set -u
nnrun=${NNRUN:-build/nnrun}
[ -e "${NNRUN_DATA:-}/mnist/train-images-idx3-ubyte.gz" ] || { echo "no MNIST in ${NNRUN_DATA:-}"; exit 77; }
failed=0

# above LEAST PATTERN: the number that follows PATTERN in `out`
above() {
    local found
    found=$(grep -oE "$2 *[0-9.]+" out | tail -1 | grep -oE '[0-9.]+$')
    awk -v x="${found:-nan}" -v least="$1" 'BEGIN { exit !(x >= least) }' && return
    echo "${found:-nothing} after \"$2\" is not above $1"
    cat out
    failed=1
}

trained() {
    local script=$1
    shift
    "$nnrun" --quiet --seed 1 "$TOP/models/$script.nn" data=mnist "$@" > out 2> err || { echo "$script: status $?"; failed=1; }
    [ -s err ] && { cat err; failed=1; }
    return 0
}

trained unet steps=150 channels=4
above 0.958 "U-Net +[0-9.]+"
above 0.36 "threshold"
trained mlp_mixer epochs=1 patch=14 width=32 blocks=2
above 0.8 "test accuracy on MNIST:"
[ $failed -eq 0 ]
