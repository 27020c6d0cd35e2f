#!/bin/bash
# models/unet.nn and mlp_mixer.nn: they learn something.
. "$(dirname "$0")/models.bash"
has_mnist

trained unet steps=150 channels=4 data=mnist
within "U-Net +[0-9.]+" 0.958 1
within "threshold" 0.36 1
trained mlp_mixer epochs=1 patch=14 width=32 blocks=2 data=mnist
within "test accuracy on MNIST:" 0.8 1
[ $failed -eq 0 ]
