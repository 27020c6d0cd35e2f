#!/usr/bin/python3
"""Writes the figures of elementwise functions, reductions and ordering ops with PyTorch, in the form
that make.py describes.

    /usr/bin/python3 tests/data/reference/make_math.py
"""
import torch
import torch.nn.functional as F

from make import Figures, derive, eighths

ELEMENTWISE = {
    "erf": torch.erf, "sin": torch.sin, "cos": torch.cos, "expm1": torch.expm1,
    "log1p": lambda x: torch.log1p(x.abs()),
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu, "elu": F.elu, "elu_2": lambda x: F.elu(x, alpha=2.0), "selu": F.selu,
    "leaky_relu": F.leaky_relu, "clip": lambda x: torch.clamp(x, -1.5, 2.0),
    "clip_low": lambda x: torch.clamp(x, min=-1.5), "abs": torch.abs,
}


def make_elementwise():
    figures = Figures("elementwise", "x -> y_NAME = NAME(x); d_NAME: the gradient of its sum. "
                      "log1p is of |x|. round and ceil of halves; p ** q with gradients.")
    x = torch.cat([torch.tensor([-80., -40, -20, -10, -1.5, 0, 2, 10, 20, 40, 80]).double(),
                   eighths((30,), 21, 48)])
    figures.add("x", x)
    for name, function in ELEMENTWISE.items():
        y, dx = derive(function, [x], torch.ones_like)
        figures.add("y_" + name, y)
        figures.add("d_" + name, dx)
    halves = torch.arange(-7, 8).double() / 2
    figures.add("halves", halves)
    figures.add("y_round", torch.round(halves))
    figures.add("y_ceil", torch.ceil(halves))
    p = torch.tensor([-2, -2, -1.5, -1.5, -1, -1, 0, 0, 0, 0, 0.5, 0.5, 2, 3.5]).double()
    q = torch.tensor([2, 3, 0, -1, -2, 5, 0, 1, 2, 3, 0.5, -1.5, 10, 1]).double()
    p.requires_grad_(), q.requires_grad_()
    y = torch.pow(p, q)
    dp, dq = torch.autograd.grad(y.sum(), [p, q])
    for name, value in (("p", p), ("q", q), ("y_pow", y), ("dp_pow", dp)):
        figures.add(name, value)
    figures.add("dq_pow", torch.where(torch.isnan(dq), torch.zeros_like(dq), dq))
    figures.add("is_real", (~torch.isnan(dq)).double())
    figures.write()


if __name__ == "__main__":
    make_elementwise()
