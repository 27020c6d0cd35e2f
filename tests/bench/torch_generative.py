#!/usr/bin/python3
"""The peer of models/mnist_lstm.nn, vae.nn and gan.nn: the same networks, data, batches, optimizers
and numbers of steps in PyTorch, with PyTorch's own first values (the GAN's are the script's).

    tests/bench/torch_generative.py MODEL [--seed 1] [--data DIR] [--threads 1]

MODEL is a script's name without .nn; DIR has the four IDX files of MNIST (default:
$NNRUN_DATA/mnist). Prints the figures that the script prints last.
"""
import argparse
import gzip
import math
import os
import struct
import time

import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F


def idx(folder, name):
    for path, opener in ((name, open), (name + ".gz", gzip.open)):
        path = os.path.join(folder, path)
        if os.path.exists(path):
            with opener(path, "rb") as file:
                raw = file.read()
            n_dims = raw[3]
            shape = struct.unpack(">%dI" % n_dims, raw[4:4 + 4 * n_dims])
            return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * n_dims).reshape(shape)
    raise SystemExit("no %s in %s" % (name, folder))


def mnist(folder):
    """Training images (55,000, as load_mnist gives them), labels, test images, labels."""
    train = torch.tensor(idx(folder, "train-images-idx3-ubyte") / 255.0, dtype=torch.float32)
    test = torch.tensor(idx(folder, "t10k-images-idx3-ubyte") / 255.0, dtype=torch.float32)
    labels = torch.tensor(idx(folder, "train-labels-idx1-ubyte").astype(numpy.int64))
    test_labels = torch.tensor(idx(folder, "t10k-labels-idx1-ubyte").astype(numpy.int64))
    return train[5000:], labels[5000:], test, test_labels


def batches(n, size, steps):
    """Indices of so many batches; a new order every epoch."""
    order, at = torch.randperm(n), 0
    for _ in range(steps):
        if at + size > n:
            order, at = torch.randperm(n), 0
        yield order[at:at + size]
        at += size


def cosine(optimizer, steps):
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)


def mnist_lstm(options, steps=2750):
    train, labels, test, test_labels = mnist(options.data)

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.out = nn.LSTM(28, 128, batch_first=True), nn.Linear(128, 10)

        def forward(self, x):
            return self.out(self.lstm(x)[0][:, -1])

    net = Reader()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    schedule = cosine(optimizer, steps)
    for b in batches(len(train), 100, steps):
        optimizer.zero_grad()
        F.cross_entropy(net(train[b]), labels[b]).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        print("test accuracy %.4f" % (net(test).argmax(1) == test_labels).float().mean())


def vae(options, epochs=10):
    train, _, test, _ = mnist(options.data)
    train, test = train.flatten(1), test.flatten(1)
    seen = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
    mean, log_var = nn.Linear(400, 20), nn.Linear(400, 20)
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    parameters = [p for part in (seen, mean, log_var, decoder) for p in part.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)

    def bound(x):
        h = seen(x)
        m, v = mean(h), log_var(h)
        logits = decoder(m + torch.exp(v / 2) * torch.randn_like(m))
        pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
        return pixels, (0.5 * (v.exp() + m * m - 1 - v)).sum(1).mean()

    for b in batches(len(train), 128, epochs * (len(train) // 128)):
        optimizer.zero_grad()
        sum(bound(train[b])).backward()
        optimizer.step()
    with torch.no_grad():
        pixels, kl = bound(test)
    print("test %.2f nats = reconstruction %.2f + divergence %.2f" % (pixels + kl, pixels, kl))


def gan(options, steps=1200):
    train, labels, test, test_labels = mnist(options.data)
    train, test = train[:, None], test[:, None]
    judge = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Flatten(), nn.Linear(1568, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(judge.parameters(), lr=1e-3)
    for b in batches(len(train), 100, 1000):
        optimizer.zero_grad()
        F.cross_entropy(judge(train[b]), labels[b]).backward()
        optimizer.step()

    def report(what, x):
        with torch.no_grad():
            p = F.softmax(judge(x), dim=1)
            classes = p.mean(0)
            entropy = -(classes * classes.log()).sum()
            score = torch.exp(entropy + (p * (p + 1e-12).log()).sum(1).mean())
            print("%-8s sure of %.1f%%, entropy of classes %.3f, score %.2f" % (
                what, 100 * (p.max(1)[0] > 0.95).float().mean(), entropy, score))

    generator = nn.Sequential(
        nn.Linear(64, 3136), nn.Unflatten(1, (64, 7, 7)), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Sigmoid())
    critic = nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(3136, 1))
    for part in (generator, critic):
        for p in part.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, 0, 0.05)
    g_step = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    d_step = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.999))
    for b in batches(len(train), 64, steps):
        fake = generator(torch.randn(64, 64))
        d_step.zero_grad()
        (F.softplus(-critic(train[b])).mean() + F.softplus(critic(fake.detach())).mean()).backward()
        d_step.step()
        g_step.zero_grad()
        F.softplus(-critic(generator(torch.randn(64, 64)))).mean().backward()
        g_step.step()
    with torch.no_grad():
        right = (judge(test).argmax(1) == test_labels).float().mean()
        generator.eval()
        samples = generator(torch.randn(10000, 64))
    print("the judge is right on %.1f%% of the test images" % (100 * right))
    report("real", test)
    report("samples", samples)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", default=os.path.join(os.environ.get("NNRUN_DATA", "."), "mnist"))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(chosen.seed)
    began = time.process_time()
    globals()[chosen.model](chosen)
    print("%.0f s" % (time.process_time() - began))
