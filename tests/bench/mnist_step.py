#!/usr/bin/python3
"""One training step of models/mnist_deep.nn beside PyTorch's, in one interleaved run.

    build/nnrun runs the model's declarations and then nothing but training steps, as a whole process with 50 and with 350 steps;
    the difference over 300 is its step, everything included (the batch, the checks, the interpreter). PyTorch's step is that of torch_mnist_deep.py with each of its settings, images
    already in place; the best setting counts. First look at `fma` of pool.c: unless two threads give twice one's rate, others
    use the machine and the figures are void.

    NNRUN_DATA=... /usr/bin/python3 tests/bench/mnist_step.py [--rounds 5] [--threads 2] [--model models/mnist_deep.nn]

LD_LIBRARY_PATH of PyTorch's processes is taken from $PEER_LIBRARIES, to try another build of OpenBLAS (libopenblas0-openmp).
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "bench"))
import torch_mnist_deep as peer

FEW, MANY = 50, 350
LOOP = """
for step in range(steps) {
  b = mnist.train.next_batch(50)
  train_step.run(x=b.images, y_=b.labels, keep_prob=0.5)
}
"""


def whole_process(options, steps):
    with open(os.path.join(TOP, options.model)) as model:
        script = model.read().split("\nfor ")[0] + LOOP
    start = time.perf_counter()
    subprocess.run([os.path.join(TOP, "build", "nnrun"), "--threads", str(options.threads), "-", "steps=%d" % steps],
                   input=script, text=True, check=True, stdout=subprocess.DEVNULL, cwd=TOP)
    return time.perf_counter() - start


def peer_step(options, setting):
    environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
    if "PEER_LIBRARIES" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["PEER_LIBRARIES"]
    if "malloc" in setting:
        environment.update(peer.KEEP_BLOCKS)
    command = [options.python, os.path.join(TOP, "tests", "bench", "torch_mnist_deep.py"), "--setting", setting,
               "--threads", str(options.threads), "--steps", "60"]
    out = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(out.stdout.split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="models/mnist_deep.nn")
    parser.add_argument("--python", default=sys.executable, help="the Python that has PyTorch")
    options = parser.parse_args()
    ours, theirs = [], {s: [] for s in peer.SETTINGS}
    for _ in range(options.rounds):
        ours.append((whole_process(options, MANY) - whole_process(options, FEW)) / (MANY - FEW) * 1e3)
        for setting in peer.SETTINGS:
            theirs[setting].append(peer_step(options, setting))
    best = min(theirs, key=lambda s: statistics.median(theirs[s]))
    print("nnrun    %7.2f ms / step  (%s)" % (statistics.median(ours), " ".join("%.2f" % t for t in ours)))
    for setting, times in theirs.items():
        print("PyTorch  %7.2f ms / step  %s%s" % (statistics.median(times), setting, "  <- best" if setting == best else ""))
    ratios = [a / b for a, b in zip(ours, theirs[best])]
    print("ratio    %7.2f            (%s)" % (statistics.median(ratios), " ".join("%.2f" % r for r in ratios)))


if __name__ == "__main__":
    main()
