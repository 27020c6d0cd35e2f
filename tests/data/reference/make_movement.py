#!/usr/bin/python3
"""Writes the figures of gather and scatter_add with PyTorch, as make.py does those of convolution
and the rest.

    /usr/bin/python3 tests/data/reference/make_movement.py

A file is one statement of the language, a list of cases: records of numbers (flat, row-major) and
shapes. Inputs are multiples of 1/8; results are float64's, checked against float32.
"""
import os
import torch
from make import FOLDER, derive, eighths, number


def literal(v):
    if isinstance(v, torch.Tensor):
        v = v.detach().reshape(-1).tolist()
    if isinstance(v, str):
        return '"' + v + '"'
    return "[" + ", ".join(map(literal, v)) + "]" if isinstance(v, (list, tuple)) else number(v)


def write(name, about, cases):
    with open(os.path.join(FOLDER, name + ".txt"), "w") as f:
        f.write("# %s\n# Made by make_movement.py with PyTorch %s.\ncases = [\n"
                % (about, torch.__version__))
        for case in cases:
            f.write("  {" + ", ".join(k + ": " + literal(v) for k, v in case.items()) + "},\n")
        f.write("]\n")


def whole(shape, below, seed):
    return torch.randint(0, below, shape, generator=torch.Generator().manual_seed(seed))


def take(x, indices, axis):
    """index_select wants one axis of indices: theirs are put back afterwards."""
    y = x.index_select(axis, indices.reshape(-1))
    return y.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1:])


def put(x, indices, updates, axis):
    flat = x.shape[:axis] + (indices.numel(),) + x.shape[axis + 1:]
    return x.index_add(axis, indices.reshape(-1), updates.reshape(flat))


def make_gather():
    cases = []
    for i, (shape, indexed, axis) in enumerate([
            ((5, 3), (7,), 0), ((4, 3), (2, 3), 1), ((2, 6, 4), (3, 2), 1), ((6,), (), 0),
            ((3, 70), (9,), 0)]):
        x, indices = eighths(shape, 10 * i), whole(indexed, shape[axis], 10 * i + 1)
        updates = eighths(tuple(take(x, indices, axis).shape), 10 * i + 2)
        dy, ds = eighths(tuple(updates.shape), 10 * i + 3), eighths(shape, 10 * i + 4)
        y, dx = derive(lambda x: take(x, indices, axis), [x], lambda y: dy)
        s, dtarget, dupdates = derive(lambda x, u: put(x, indices, u, axis), [x, updates],
                                      lambda s: ds)
        cases.append(dict(axis=axis, shape=shape, indexed=indexed, x=x, indices=indices,
                          updates=updates, dy=dy, y=y, dx=dx, ds=ds, s=s, dtarget=dtarget,
                          dupdates=dupdates))
    write("gather", "x, indices -> y = gather along the axis, dx for dy; with updates -> s = "
          "scatter_add, dtarget and dupdates for ds.", cases)


if __name__ == "__main__":
    make_gather()
