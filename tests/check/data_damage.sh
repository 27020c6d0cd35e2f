#!/bin/bash
# Damaged data files: each a message of its own at the line of load_mnist, exit status 1, no crash, and no
# falling back on generated digits.
set -u
nnrun=${NNRUN:-build/nnrun}
data=${NNRUN_DATA:-}/mnist
[ -e "$data/train-images-idx3-ubyte.gz" ] || { echo "no mnist under NNRUN_DATA"; exit 77; }
unset NNRUN_DATA
export XDG_CACHE_HOME=$PWD/cache NNRUN_MIRRORS=http://127.0.0.1:1/
files="train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte"
labels=t10k-labels-idx1-ubyte
printf '# real data\nm = load_mnist("MNIST_data", fallback="digits")\nprint(m.train.length)\n' > script.nn
n_failed=0

fresh() { # the four files, of which the one to be damaged is a copy
    rm -rf MNIST_data
    mkdir MNIST_data
    for f in $files; do ln -s "$data/$f.gz" "MNIST_data/$f.gz"; done
    rm "MNIST_data/$labels.gz"
}

expect() { # what it must say
    "$nnrun" script.nn > out 2> err
    status=$?
    if [ "$status" -ne 1 ] || ! grep -q '^script.nn:2:[0-9]*: error: ' err || ! grep -qF -e "$1" err; then
        echo "status $status, expected 1 and a message with: $1"
        cat out err
        n_failed=$((n_failed + 1))
    fi
}

fresh; head -c 3000 "$data/$labels.gz" > "MNIST_data/$labels.gz"
expect "$labels.gz is truncated"
fresh; : > "MNIST_data/$labels.gz"
expect "$labels.gz is empty"
fresh; echo '<!DOCTYPE html><html>Not here.</html>' > "MNIST_data/$labels.gz"
expect 'begins with "<!DOCTYPE html>": a web page, not the data'
fresh; gunzip -c "$data/$labels.gz" > "MNIST_data/$labels"; echo >> "MNIST_data/$labels"
expect 'is too long: 10009 bytes, expected 10008'
fresh; gunzip -c "$data/$labels.gz" | head -c 9000 > "MNIST_data/$labels"
expect 'is truncated: 9000 bytes, expected 10008'
fresh; { gunzip -c "$data/$labels.gz" | head -c 10007; printf '\0'; } > "MNIST_data/$labels"
expect 'expected for MNIST: ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2'
fresh; cp "$data/t10k-images-idx3-ubyte.gz" "MNIST_data/$labels.gz"
expect 'magic number 0x00000803, expected 0x00000801'
fresh; mkdir "MNIST_data/$labels.gz"
expect "$labels.gz is a folder"
fresh; { head -c 2000 "$data/$labels.gz"; printf zzzz; tail -c +2005 "$data/$labels.gz"; } > "MNIST_data/$labels.gz"
expect "$labels.gz is corrupt"
exit $((n_failed > 0))
