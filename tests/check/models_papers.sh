#!/bin/bash
# The models of models/ that make their own data, as they stand, for a few seconds each: they run
# without a warning, and their figures are between those of an untrained network and of a whole
# training (models/README.md).
set -u
nnrun=${NNRUN:-build/nnrun}
failed=0

# within WHAT PATTERN LOW HIGH: the number that follows PATTERN in the last line of `out` with it
within() {
    local found
    found=$(grep -oE -e "$2 *-?[0-9.]+" out | tail -1 | grep -oE -e '-?[0-9.]+$')
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

trained mixture_density steps=1000
within mixture_density "least squares" -0.15 0
within mixture_density "3 Gaussians" -1.15 -0.8
within mixture_density "entropy" -1.283 -1.281

trained neural_ode steps=300
within neural_ode "neural ODE" 0.01 0.3
within neural_ode "always 0" 1.03 1.04

trained maml steps=1000
within maml "MAML, rate 0.01 +[0-9.]+" 0.4 1.9
within maml "trained on all tasks, rate 0.01 +[0-9.]+" 2 5

trained real_nvp steps=800
within real_nvp "one normal density" 1.88 1.93
within real_nvp "RealNVP" 1.03 1.7
within real_nvp "the true density" 1.01 1.04
[ "$(wc -l < out)" -eq 23 ] || { echo "real_nvp: a picture of 18 lines is expected"; failed=1; }

trained karate_gcn
[ "$(head -1 out)" = "33.00 of 34 members on their side, the mean of 20 runs" ] || { cat out; failed=1; }

trained cart_pole rounds=60
within cart_pole "before training the pole stays up for" 15 35
within cart_pole "100 new episodes:" 60 500
[ $failed -eq 0 ]
