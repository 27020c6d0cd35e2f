#!/usr/bin/python3
"""The peer: one training step of models/mnist_deep.nn in PyTorch, in every tuning that is known to
matter; the best one counts.

    tests/bench/torch_mnist_deep.py [--threads 2] [--batch 50] [--steps 60] [--rounds 5]

Each combination of settings runs in a process of its own, since the allocator reads its
environment at the start; rounds are interleaved. Settings: `plain` (as installed);
`channels_last` (memory format of images and filters); `malloc` (large blocks are kept instead of
mapped and unmapped at each step); `pool_first` (relu after max_pool, the same function with a
quarter of the work); `foreach` (Adam over all parameters at once). Prints the median
milliseconds a step of each, and which BLAS was loaded: `libopenblas0-openmp` shares PyTorch's
thread pool, `libopenblas0-pthread` brings a second one.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

SETTINGS = ["plain", "channels_last", "channels_last,malloc", "channels_last,malloc,pool_first",
            "channels_last,malloc,pool_first,foreach", "malloc,pool_first,foreach"]
KEEP_BLOCKS = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296",
               "MALLOC_TOP_PAD_": "268435456", "MALLOC_ARENA_MAX": "1"}


def loaded_blas():
    names = set()
    with open("/proc/self/maps") as maps:
        for line in maps:
            if "blas" in line:
                names.add(os.path.basename(os.path.realpath(line.split()[-1])))
    return ", ".join(sorted(names)) or "none"


def run(options):
    """One process: prints milliseconds a step, the resident peak in MiB and the BLAS."""
    import resource
    import torch
    import torch.nn as nn
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    wanted = set(options.setting.split(","))

    def relu_pool():
        pair = [nn.ReLU(), nn.MaxPool2d(2)]
        return pair[::-1] if "pool_first" in wanted else pair

    network = nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), *relu_pool(), nn.Conv2d(32, 64, 5, padding=2), *relu_pool(),
        nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 10))
    images = torch.rand(options.batch, 1, 28, 28)
    labels = torch.randint(0, 10, (options.batch,))
    if "channels_last" in wanted:
        network = network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, foreach="foreach" in wanted)
    loss_of = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(network(images), labels)
        loss.backward()
        optimizer.step()

    for _ in range(5):
        step()
    seconds = []
    for _ in range(options.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("%.4f %.0f %s" % (statistics.median(seconds) * 1e3, peak, loaded_blas()))


def compare(options):
    times, notes = {s: [] for s in SETTINGS}, {}
    for _ in range(options.rounds):
        for setting in SETTINGS:
            environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
            if "malloc" in setting:
                environment.update(KEEP_BLOCKS)
            command = [sys.executable, os.path.abspath(__file__), "--setting", setting]
            for name in ("threads", "batch", "steps"):
                command += ["--" + name, str(getattr(options, name))]
            out = subprocess.run(command, env=environment, check=True, capture_output=True,
                                 text=True)
            ms, peak, blas = out.stdout.strip().split(" ", 2)
            times[setting].append(float(ms))
            notes[setting] = "peak %s MiB, %s" % (peak, blas)
    for setting in sorted(SETTINGS, key=lambda s: statistics.median(times[s])):
        ms = statistics.median(times[setting])
        print("%8.3f ms / step  %-42s %s" % (ms, setting, notes[setting]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--setting", help="run this one only, in this process")
    given = parser.parse_args()
    if given.setting:
        run(given)
    else:
        compare(given)
