"""The data sets as the scripts of models/ see them, for the peers: NumPy arrays.

IDX files of MNIST and Fashion-MNIST, plain or .gz, and CIFAR-10's binary version, below
$NNRUN_DATA. Of the 60,000 images the first 5000 are for validation, as load_mnist has it.
"""
import functools
import gzip
import os

import numpy as np

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
ROOT = os.environ.get("NNRUN_DATA") or os.path.join(TOP, "..", "shared", "data")


def folder(*names):
    for name in names:
        path = os.path.join(ROOT, name)
        if os.path.isdir(path):
            return path
    raise FileNotFoundError("none of %s in %s" % (", ".join(names), ROOT))


def idx(where, name):
    path = os.path.join(where, name)
    opener = open if os.path.exists(path) else gzip.open
    with opener(path if opener is open else path + ".gz", "rb") as file:
        raw = file.read()
    shape = np.frombuffer(raw, ">i4", raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


@functools.lru_cache(maxsize=None)
def mnist(where=("MNIST_data", "mnist"), as_bytes=False):
    """Training images [55000, 784] in 0 to 1, or the bytes, their labels, test images and labels."""
    at = folder(*where)
    images = [idx(at, n + "-images-idx3-ubyte").reshape(-1, 784) for n in ("train", "t10k")]
    labels = [idx(at, n + "-labels-idx1-ubyte").astype(np.int64) for n in ("train", "t10k")]
    if as_bytes:
        return images[0][5000:], labels[0][5000:], images[1], labels[1]
    x, test = (np.multiply(i, np.float32(1 / 255), dtype=np.float32) for i in images)
    return x[5000:], labels[0][5000:], test, labels[1]


def fashion():
    return mnist(("fashion-mnist",))


def cifar10():
    """Training pictures [n, 32, 32, 3] in 0 to 1 and their labels: what there is of them."""
    at = folder("cifar-10-batches-bin", "cifar10")
    names = sorted(n for n in os.listdir(at) if n.startswith("data_batch_"))
    raw = np.concatenate([np.fromfile(os.path.join(at, n), np.uint8) for n in names])
    raw = raw.reshape(-1, 3073)
    pictures = raw[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures, np.float32) / 255, raw[:, 0].astype(np.int64)


def orders(n, size, seed=3):
    """Indices of batch after batch: a new order each time all have been seen."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(n)
        for at in range(0, n - size + 1, size):
            yield order[at:at + size]


# ---- the text of models/small_world.nn

NAMES = "anna emma hugo ivan lena nora otto paul rosa ruth".split()
THINGS = "beans books boxes cards coins nails pears plums rings seeds".split()
ALPHABET = "\n ,.0123456789abcdefghijklmnopqrstuvwxyz"
LENGTH = 42


def sentences(count, seed=1):
    """Inputs and targets, [count, 42]: in every row the end of the sentence before stands first."""
    rng = np.random.default_rng(seed)
    sums = rng.permutation(81 * 9)[:656]
    text = "\n"
    for who, what, s in zip(rng.integers(10, size=count), rng.integers(10, size=count),
                            sums[rng.integers(656, size=count)]):
        had, found = 10 + s // 9, 1 + s % 9
        text += "%s had %d %s, found %d, has %d %s.\n" % (
            NAMES[who], had, THINGS[what], found, had + found, THINGS[what])
    place = {c: i for i, c in enumerate(ALPHABET)}
    numbers = np.array([place[c] for c in text])
    return numbers[:-1].reshape(count, LENGTH), numbers[1:].reshape(count, LENGTH)
