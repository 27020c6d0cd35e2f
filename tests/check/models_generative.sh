#!/bin/bash
# models/mnist_lstm.nn, vae.nn, gan.nn, char_lstm.nn and char_transformer.nn: what they print is between
# what an untrained network and a whole training give.
. "$(dirname "$0")/models.bash"

# Untrained 3.6 nats, the least that is possible 0.264.
trained char_lstm steps=60 batch_size=32
within "test: " 0.264 2.5
trained char_transformer steps=40
within "test: " 0.264 2.0
[ $failed -eq 0 ] || exit 1

has_mnist
trained mnist_lstm steps=150 data=mnist
within "test accuracy on MNIST: " 0.70 0.95
trained vae epochs=1 data=mnist
within "test on MNIST: " 120 140
[ "$(wc -l < out)" -eq 22 ] || { echo "vae: two rows of digits, of 10 lines each, are expected"; failed=1; }
trained gan steps=150 judge_steps=100 data=mnist
within "the judge is right on " 80 97
within "samples +sure of .*score " 1 6
[ $failed -eq 0 ]
