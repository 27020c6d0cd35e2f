# What the models_*.sh checks share: sourced, in the check's own folder. They train scripts of models/ as they stand,
# for a few seconds each. What a whole training gives is in models/README.md.
set -u
nnrun=${NNRUN:-build/nnrun}
failed=0

# has_mnist: or the check ends here, as skipped
has_mnist() {
    [ -e "${NNRUN_DATA:-}/mnist/train-images-idx3-ubyte.gz" ] && return
    echo "no MNIST in ${NNRUN_DATA:-}"
    exit 77
}

# trained SCRIPT NAME=VALUE ..: its output in `out`; on standard error nothing (nothing that `faults` matches, if set)
trained() {
    script=$1
    shift
    "$nnrun" --quiet --seed 1 "$TOP/models/$script.nn" "$@" > out 2> err || { echo "$script: status $?"; failed=1; }
    grep -E "${faults:-.}" err && { echo "$script: see above"; failed=1; }
    return 0
}

# within PATTERN LOW HIGH: the number that follows PATTERN in the last line of `out` that has both
within() {
    local found
    found=$(grep -oE -e "$1 *-?[0-9.]+" out | tail -1 | grep -oE -e '-?[0-9.]+$')
    awk -v x="${found:-nan}" -v low="$2" -v high="$3" 'BEGIN { exit !(x >= low && x <= high) }' && return
    echo "$script: ${found:-nothing} after \"$1\" is not within $2 to $3"
    cat out
    failed=1
}
