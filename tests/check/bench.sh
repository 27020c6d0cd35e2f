#!/bin/bash
# The benchmark itself, without peers: its table is well-formed, its arithmetic right, and nnrun's side of
# every row runs two steps.
exec python3 -B "$TESTS/bench/selftest.py"
