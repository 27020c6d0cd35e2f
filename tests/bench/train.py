#!/usr/bin/env python3
"""Trains the peer of a model to the end, and prints the figures that the script prints last:

    build/peers/bin/python tests/bench/train.py mnist_lstm|mlp_mixer|vae|unet|maml|gan [--seed 1]

The networks are those that bench.py times; any Python with PyTorch will do.
"""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
os.environ.setdefault("OMP_NUM_THREADS", "1")
from peers import torch_common
from peers.torch_figures import FIGURES


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=sorted(FIGURES))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch_common.SEED = options.seed
    torch_common.torch.manual_seed(options.seed)
    began = time.process_time()
    FIGURES[options.model]()
    print("%.0f s of processor time" % (time.process_time() - began))


if __name__ == "__main__":
    main()
