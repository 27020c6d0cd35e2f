#!/usr/bin/python3
"""The peer of models/maml.nn, mlp_mixer.nn and unet.nn: the same networks, data, batches, optimizers,
schedules and numbers of steps in PyTorch. First weights are drawn alike, but for the biases and the
transposed convolutions of the U-Net, which have PyTorch's own.

    tests/bench/torch_papers.py maml|mixer|unet [SEED] [DIR]

DIR has the four IDX files of MNIST as .gz; maml needs none.
"""
import gzip
import math
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def read(folder, name, offset):
    return np.frombuffer(gzip.open(f"{folder}/{name}-ubyte.gz").read(), np.uint8, offset=offset)


def mnist(folder):
    images = [read(folder, n, 16).reshape(-1, 28, 28) for n in ("train-images-idx3", "t10k-images-idx3")]
    labels = [read(folder, n, 8) for n in ("train-labels-idx1", "t10k-labels-idx1")]
    # validation takes the first 5000
    x = torch.tensor(images[0][5000:] / 255, dtype=torch.float), torch.tensor(images[1] / 255, dtype=torch.float)
    y = torch.tensor(labels[0][5000:].astype(np.int64)), torch.tensor(labels[1].astype(np.int64))
    return x, y


def cosine(initial, steps):
    return lambda t: initial * (1 + math.cos(math.pi * min(t / steps, 1))) / 2


# ---- MAML

def tasks(count, shots=10):
    amplitude = torch.empty(count, 1, 1).uniform_(0.1, 5)
    phase = torch.empty(count, 1, 1).uniform_(0, math.pi)

    def sample():
        x = torch.empty(count, shots, 1).uniform_(-5, 5)
        return x, amplitude * torch.sin(x - phase)
    return sample(), sample()


def net(w, x):
    h = F.relu(x @ w[0] + w[1])
    h = F.relu(h @ w[2] + w[3])
    return h @ w[4] + w[5]


def error(w, points):
    return ((net(w, points[0]) - points[1]) ** 2).mean((1, 2))


def adapted(weights, shown, steps, rate):
    own = [w.repeat(len(shown[0]), 1, 1) for w in weights]
    for _ in range(steps):
        slopes = torch.autograd.grad(error(own, shown).sum(), own, create_graph=True)
        own = [w - rate * s for w, s in zip(own, slopes)]
    return own


def new_weights():
    out = []
    for a, b in ((1, 40), (40, 40), (40, 1)):
        out += [nn.init.trunc_normal_(torch.empty(1, a, b), std=0.3, a=-0.6, b=0.6), torch.zeros(1, 1, b)]
    return [w.requires_grad_() for w in out]


def maml():
    first, plain = new_weights(), new_weights()
    optimizers = torch.optim.Adam(first, 1e-3), torch.optim.Adam(plain, 1e-3)
    for _ in range(20000):
        shown, asked = tasks(25)
        losses = error(adapted(first, shown, 1, 0.01), asked).mean(), error(plain, shown).mean()
        for loss, o in zip(losses, optimizers):
            o.zero_grad()
            loss.backward()
            o.step()
    shown, asked = tasks(1000)
    for name, w, rate in (("MAML", first, 0.01), ("all tasks, rate 0.001", plain, 0.001),
                          ("all tasks, rate 0.003", plain, 0.003), ("all tasks, rate 0.01", plain, 0.01)):
        print(name, *(f"{error(adapted(w, shown, n, rate), asked).mean().item():.2f}" for n in (0, 1, 10)))


# ---- MLP-Mixer

def dense(a, b):
    layer = nn.Linear(a, b)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Block(nn.Module):
    def __init__(self, patches=16, width=64, tokens=64, channels=128):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across = nn.Sequential(dense(patches, tokens), nn.GELU(), dense(tokens, patches))
        self.within = nn.Sequential(dense(width, channels), nn.GELU(), dense(channels, width))

    def forward(self, x):
        x = x + self.across(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.norm2(x))


def mixer(folder):
    (x, x_test), (y, y_test) = mnist(folder)
    cut = lambda t: t.reshape(-1, 4, 7, 4, 7).permute(0, 1, 3, 2, 4).reshape(-1, 16, 49)
    model = nn.Sequential(dense(49, 64), *(Block() for _ in range(4)), nn.LayerNorm(64))
    last = nn.Linear(64, 10)
    nn.init.zeros_(last.weight)
    steps = 5 * 550
    later = cosine(2e-3, steps - 100)
    o = torch.optim.Adam([*model.parameters(), *last.parameters()], 1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        o, lambda t: 2e-3 * (t + 1) / 100 if t < 100 else later(t - 100))
    predict = lambda t: last(model(cut(t)).mean(1))
    for _ in range(5):
        for rows in torch.randperm(len(x)).split(100):
            o.zero_grad()
            F.cross_entropy(predict(x[rows]), y[rows]).backward()
            o.step()
            schedule.step()
    with torch.no_grad():
        print(f"test accuracy {(predict(x_test).argmax(1) == y_test).float().mean().item():.4f}")


# ---- U-Net

class UNet(nn.Module):
    def __init__(self, before, channels, depth):
        super().__init__()
        self.across, self.depth = self.twice(before, channels), depth
        if depth:
            self.below = UNet(channels, 2 * channels, depth - 1)
            self.up = nn.ConvTranspose2d(2 * channels, channels, 2, 2)
            self.joined = self.twice(2 * channels, channels)

    @staticmethod
    def twice(before, channels):
        layers = []
        for c in (before, channels):
            conv = nn.Conv2d(c, channels, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            layers += [conv, nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.across(x)
        if not self.depth:
            return x
        return self.joined(torch.cat([x, self.up(self.below(F.max_pool2d(x, 2)))], 1))


def lines(shape, count, length):
    at = torch.randint(0, length - count + 1, shape)
    return F.one_hot(at[..., None] + torch.arange(count), length).float()


def scene(small):
    n = len(small)
    digit = torch.einsum("bij,biy,bjx->byx", small, lines((n,), 28, 48), lines((n,), 28, 48))
    cut = torch.einsum("byx,bpiy,bpjx->bpij", small.roll(1, 0), lines((n, 8), 9, 28), lines((n, 8), 9, 28))
    clutter = torch.einsum("bpij,bpiy,bpjx->byx", cut, lines((n, 8), 9, 48), lines((n, 8), 9, 48))
    return (digit + clutter).clamp(max=1) + 0.2 * torch.randn(n, 48, 48), digit > 0.5


def unet(folder):
    (x, x_test), _ = mnist(folder)
    model = nn.Sequential(UNet(1, 8, 3), nn.Conv2d(8, 1, 1))
    o = torch.optim.Adam(model.parameters(), 1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(o, cosine(3e-3, 2000))
    rows = torch.randperm(len(x))
    for i in range(2000):
        image, mask = scene(x[rows[16 * i:16 * i + 16]])
        o.zero_grad()
        F.binary_cross_entropy_with_logits(model(image[:, None])[:, 0], mask.float()).backward()
        o.step()
        schedule.step()
    iou, right = 0, 0
    with torch.no_grad():
        for small in x_test[:2000].split(200):
            image, mask = scene(small)
            found = model(image[:, None])[:, 0] > 0
            iou += ((found & mask).sum((1, 2)) / (found | mask).sum((1, 2))).sum().item() / 2000
            right += (found == mask).float().mean().item() / 10
    print(f"intersection over union {iou:.3f}, pixels right {right:.4f}")


what, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
torch.set_num_threads(1)
torch.manual_seed(seed)
begin = time.process_time()
globals()[what](*sys.argv[3:]) if what != "maml" else maml()
print(f"{time.process_time() - begin:.0f} s of processor time")
