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


def add_derived(figures, name, function, x, dy):
    y, dx = derive(function, [x], lambda y: dy)
    figures.add("y_" + name, y)
    figures.add("d_" + name, dx)


def make_reductions():
    figures = Figures("reductions", "x[3,4,5] and p[3,4,5], which has zeros -> y_NAME; d_NAME: gradients for "
                      "dy[3,5] (axis 1), g[4] (axes 0 and 2) or h (all).")
    x, p = eighths((3, 4, 5), 31), eighths((3, 4, 5), 32).abs() + 0.25
    p[0, 1, 2] = p[1, 0, 0] = p[1, 2, 0] = p[2, 3, 4] = 0
    p[:, :, 1] *= -1
    dy, g, h = eighths((3, 5), 33), eighths((4,), 34), torch.tensor(0.75).double()
    for name, value in (("x", x), ("p", p), ("dy", dy), ("g", g), ("h", [0.75])):
        figures.add(name, value)
    add_derived(figures, "prod_1", lambda x: torch.prod(x, 1), p, dy)
    add_derived(figures, "prod_02", lambda x: torch.prod(torch.prod(x, 2), 0), p, g)
    add_derived(figures, "var_1", lambda x: torch.var(x, 1, unbiased=False), x, dy)
    add_derived(figures, "var_02", lambda x: torch.var(x, (0, 2), unbiased=True), x, g)
    add_derived(figures, "var", lambda x: torch.var(x, unbiased=True), x, h)
    add_derived(figures, "std_1", lambda x: torch.std(x, 1, unbiased=True), x, dy)
    add_derived(figures, "std_02", lambda x: torch.std(x, (0, 2), unbiased=False), x, g)
    add_derived(figures, "logsumexp_1", lambda x: torch.logsumexp(8 * x, 1), x, dy)
    add_derived(figures, "logsumexp_02", lambda x: torch.logsumexp(x, (0, 2)), x, g)
    figures.add("y_argmin_1", torch.argmin(x, 1).double())
    figures.add("y_argmax_1", torch.argmax(x, 1).double())
    figures.add("y_any_1", (x > 1.5).any(1).double())
    figures.add("y_all_1", (x > -1.5).all(1).double())
    figures.write()


def make_order():
    figures = Figures("order", "x[3,4,5], with ties -> y_NAME; d_NAME: gradients for dy[3,4,5] or, of top_k, "
                      "g[3,4,2]; i_NAME: indices, of ties the first.")
    x, dy, g = eighths((3, 4, 5), 41, 6), eighths((3, 4, 5), 42), eighths((3, 4, 2), 43)
    for name, value in (("x", x), ("dy", dy), ("g", g)):
        figures.add(name, value)
    add_derived(figures, "cumsum_1", lambda x: torch.cumsum(x, 1), x, dy)
    add_derived(figures, "cumsum_reverse", lambda x: torch.cumsum(x.flip(2), 2).flip(2), x, dy)
    add_derived(figures, "cumsum_exclusive", lambda x: torch.cumsum(x, 0) - x, x, dy)
    for name, axis, descending in (("sort", 2, False), ("sort_0", 0, True)):
        order = torch.sort(x, dim=axis, descending=descending, stable=True)[1]
        figures.add("i_" + name, order.double())
        add_derived(figures, name, lambda x: torch.gather(x, axis, order), x, dy)
    order = torch.sort(x, dim=2, descending=True, stable=True)[1][:, :, :2]
    assert torch.equal(torch.topk(x, 2)[0], torch.gather(x, 2, order))
    figures.add("i_top_k", order.double())
    add_derived(figures, "top_k", lambda x: torch.gather(x, 2, order), x, g)
    figures.write()


if __name__ == "__main__":
    make_elementwise()
    make_reductions()
    make_order()
