"""What all of PyTorch's networks share: how one is trained, how it answers, and the settings.

A setting is a list of words: `channels_last` (memory format of images and filters), `pool_first`
(relu behind max_pool, the same function with a quarter of the work), `foreach` or `fused` (how the
optimizer goes over the parameters), `compile` (torch.compile of the loss, or of the answer),
`freeze` (Inductor may re-lay the weights of a network that is no longer trained), `one_thread`.
`malloc` (large blocks are kept instead of mapped and unmapped at each step) is for the process, see
peer.py.
"""
import math
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from peers import data
from peers.schedules import cosine, warmup

SEED = 1
THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
CURRENT = hasattr(torch, "compile")           # else Debian's 1.13.1: no compile, no fused


def version():
    return "PyTorch " + torch.__version__.split("+")[0]


def settings_of(task):
    """The settings worth trying for a network, the best known ones first."""
    plain = "fused" if CURRENT else "foreach"
    if task.inference:
        return answering(task)
    words = [plain, "one_thread," + plain]
    if task.images:
        words = ["channels_last," + plain, plain]
        if task.pools:
            words.append("channels_last,pool_first," + plain)
    if CURRENT and task.compiles:
        words.append("compile," + words[0])
    return words + list(task.also)


def answering(task):
    words = ["channels_last", "plain", "channels_last,pool_first"] if task.images else ["plain"]
    if CURRENT:
        words += ["compile,freeze," + words[-1], "compile,freeze,pool_first"]
    return words


def forget():
    """What was compiled for the networks of a row: of too many PyTorch would run some as they are."""
    if CURRENT:
        torch._dynamo.reset()


def truncated(parameter, stddev):
    return nn.init.trunc_normal_(parameter, std=stddev, a=-2 * stddev, b=2 * stddev)


def first_values(module, weights, bias=0.1):
    """The layers of the standard library begin with weights(W) and b = 0.1."""
    for m in module.modules():
        if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            weights(m.weight)
            if m.bias is not None:
                nn.init.constant_(m.bias, bias)
    return module


def he_normal(w):
    # the standard deviation of a normal distribution cut at -2 and 2 is 0.8796
    fan = w[0].numel()
    return truncated(w, math.sqrt(2 / fan) / 0.87962566103423978)


def normal(stddev):
    return lambda w: nn.init.normal_(w, std=stddev)


def tutorial(w):
    return truncated(w, 0.1)


def relu_pool(setting):
    pair = [nn.ReLU(), nn.MaxPool2d(2)]
    return pair[::-1] if "pool_first" in setting else pair


class Task:
    """A network and its data. `parts` says what is trained."""
    images = False          # has convolutions: memory formats matter
    pools = False           # has relu before max_pool
    compiles = True
    also = ()               # settings of its own that are worth trying
    inference = False
    rate = 1e-3             # of Adam; a function of the step if it falls
    clip = None             # largest norm of all gradients together

    def __init__(self, setting):
        self.setting = set(setting.split(","))
        torch.manual_seed(SEED)
        torch.set_num_threads(1 if "one_thread" in self.setting else THREADS)
        self.build()
        if "channels_last" in self.setting:
            self.net.to(memory_format=torch.channels_last)
        self.first_losses, self.done = [], 0
        self.ready()

    def build(self):
        """Makes self.net and self.data."""
        raise NotImplementedError

    def loss(self, *batch):
        raise NotImplementedError

    def batch(self):
        """Tensors of the next batch."""
        raise NotImplementedError

    def optimizer(self):
        rate = self.rate(0) if callable(self.rate) else self.rate
        return torch.optim.Adam(self.net.parameters(), lr=rate, **self.how())

    def how(self):
        if "fused" in self.setting:
            return {"fused": True}
        return {"foreach": "foreach" in self.setting}

    def compiled(self, f):
        if "compile" not in self.setting:
            return f
        return torch.compile(f, options={"freezing": True} if "freeze" in self.setting else None)

    def ready(self):
        self.moves = self.optimizer()
        self.measure = self.compiled(self.loss)

    def step(self):
        batch = self.batch()
        self.moves.zero_grad(set_to_none=True)
        loss = self.measure(*batch)
        loss.backward()
        if self.clip:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
        if callable(self.rate):
            for group in self.moves.param_groups:
                group["lr"] = self.rate(self.done)
        self.moves.step()
        return loss

    def run(self, n):
        torch.set_num_threads(1 if "one_thread" in self.setting else THREADS)
        for _ in range(n):
            loss = self.step()
            if self.done < 200:
                self.first_losses.append(loss.detach())
            self.done += 1

    def mean_loss(self):
        """Over steps 180 to 199, each before what it changes."""
        self.run(max(0, 200 - self.done))
        return float(torch.stack(self.first_losses[180:200]).mean())


class Inference(Task):
    """Answers of a network, its images in place."""
    inference = True

    def ready(self):
        self.net.eval()
        for p in self.net.parameters():
            p.requires_grad_(False)
        self.answer = self.compiled(self.net)

    def run(self, n):
        torch.set_num_threads(1 if "one_thread" in self.setting else THREADS)
        with torch.no_grad() if "compile" in self.setting else torch.inference_mode():
            for _ in range(n):
                self.answer(self.x)
