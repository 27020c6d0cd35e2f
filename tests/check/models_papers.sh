#!/bin/bash
# The models of models/ that make their own data: their figures are between those of an untrained
# network and of a whole training.
. "$(dirname "$0")/models.bash"

trained mixture_density steps=1000
within "least squares" -0.15 0
within "3 Gaussians" -1.15 -0.8
within "entropy" -1.283 -1.281

trained neural_ode steps=300
within "neural ODE" 0.01 0.3
within "always 0" 1.03 1.04

trained maml steps=1000
within "MAML, rate 0.01 +[0-9.]+" 0.4 1.9
within "trained on all tasks, rate 0.01 +[0-9.]+" 2 5

trained real_nvp steps=800
within "one normal density" 1.88 1.93
within "RealNVP" 1.03 1.7
within "the true density" 1.01 1.04
[ "$(wc -l < out)" -eq 23 ] || { echo "real_nvp: a picture of 18 lines is expected"; failed=1; }

trained karate_gcn
[ "$(head -1 out)" = "33.00 of 34 members on their side, the mean of 20 runs" ] || { cat out; failed=1; }

trained cart_pole rounds=60
within "before training the pole stays up for" 15 35
within "100 new episodes:" 60 500
[ $failed -eq 0 ]
