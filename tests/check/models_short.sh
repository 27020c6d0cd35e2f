#!/bin/bash
# Scripts of models/ on the head of their data: they learn. The bounds are far below what is reached
# and above chance.
. "$(dirname "$0")/models.bash"
faults='(error|warning):'     # a note says that the head is no data set that is known

# head_of FOLDER: the first 9,000 training and 1,000 test examples of the IDX files there, in a
# folder of that name here
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

trained linear_regression
within "bodies not fitted:" 0.0 0.3
trained logistic_regression
within "31 F: probability of distress" 0.999 1.0
[ $failed -eq 0 ] || exit 1
{ head_of mnist && head_of fashion-mnist; } || { echo "no data in $NNRUN_DATA"; exit 77; }
trained mlp data=mnist epochs=4
within "test accuracy on .*:" 0.80 0.98
trained lenet5 data=mnist epochs=1
within "test accuracy on .*:" 0.60 0.98
trained siamese data=mnist steps=40
within "nearest training image, test accuracy:" 0.55 0.99
trained fashion_resnet data=fashion-mnist epochs=3 width=8
within "test accuracy on .*:" 0.45 0.90
trained autoencoder data=mnist epochs=3
within "squared error of a test image, .*:" 15 40
if [ -e "$NNRUN_DATA/cifar10/data_batch_1.bin" ]; then
    trained cifar10 epochs=1 width=16
    within "test accuracy on .*:" 0.15 0.60
fi
[ $failed -eq 0 ]
