#!/bin/bash
# Every program of lang/ and stdlib/ under each lesser instruction set of this machine: they print the same.
set -eu
for isa in portable avx2; do
    if ! NNRUN_ISA=$isa "$TESTS/run" lang/ stdlib/ > out 2>&1; then
        echo "NNRUN_ISA=$isa:"
        cat out
        exit 1
    fi
    tail -1 out | grep -q '^[1-9][0-9]* passed, 0 failed'
done
