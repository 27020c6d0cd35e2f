#!/bin/bash
# Without data and without a network: known within 15 seconds, with what was tried and where to put the files;
# with a fallback the script runs on generated digits and says so.
set -u
nnrun=${NNRUN:-build/nnrun}
unset NNRUN_DATA
export XDG_CACHE_HOME=$PWD/cache NNRUN_MIRRORS="http://127.0.0.1:1/mnist/ http://no-such-host.invalid/mnist"

fail() {
    echo "$1"
    cat out err
    exit 1
}

SECONDS=0
echo 'm = load_mnist("MNIST_data")' > script.nn
"$nnrun" script.nn > out 2> err
status=$?
[ "$status" -eq 1 ] || fail "status $status, expected 1"
[ "$SECONDS" -lt 15 ] || fail "took $SECONDS seconds"
for said in 'looked in MNIST_data: no such folder' 'tried http://127.0.0.1:1/mnist/train-images-idx3-ubyte.gz' \
    'tried http://no-such-host.invalid/mnist/' 'into MNIST_data, or name their folder in NNRUN_DATA'; do
    grep -qF -e "$said" err || fail "stderr lacks: $said"
done
[ ! -e MNIST_data ] || fail "an empty MNIST_data was left"

printf 'm = load_mnist("MNIST_data", fallback="digits")\nprint(m.train.length)\n' > script.nn
"$nnrun" script.nn > out 2> err || fail "status $?, expected 0"
grep -qx 55000 out || fail "stdout lacks 55000"
grep -q 'these are generated digits instead' err || fail "stderr does not say what was done"
exit 0
