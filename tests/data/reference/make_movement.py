#!/usr/bin/python3
"""Writes the figures of indexing, movement, einsum and norms with PyTorch, as make.py does those of
convolution and the rest.

    /usr/bin/python3 tests/data/reference/make_movement.py

A file is one statement of the language, a list of cases: records of numbers (flat, row-major) and
shapes. Inputs are multiples of 1/8; results are float64's, checked against float32.
"""
import os
import torch
import torch.nn.functional as F
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


def make_movement():
    """Each function of x[2,3,4] under the name that the test gives it."""
    functions = {
        "tile": lambda x: x.repeat(1, 2, 3),
        "repeat": lambda x: x.repeat_interleave(3, 1),
        "flip": lambda x: x.flip(0, 2),
        "roll": lambda x: x.roll(-3, 2),
        "roll_far": lambda x: x.roll(5, 1),
        "swap_axes": lambda x: x.transpose(0, 2),
        "squeeze": lambda x: x[:, :1].squeeze(1),
        "expand_dims": lambda x: x.unsqueeze(-2),
        "split": lambda x: x.split([1, 2], 1)[1],
        "split_equal": lambda x: x.chunk(2, 2)[0],
        "unstack": lambda x: x.unbind(1)[2],
        "stack": lambda x: torch.stack([x, x * 2, x.flip(0)], 2),
        "slice": lambda x: x.flip(2)[:, :, 0:3:2],
        "tril": lambda x: x.tril(1),
        "triu": lambda x: x.triu(1),
        "diag_part": lambda x: x[:, :, :3].diagonal(0, 1, 2),
    }
    x, cases = eighths((2, 3, 4), 50), []
    for i, (op, function) in enumerate(functions.items()):
        dy = eighths(tuple(function(x).shape), 51 + i)
        y, dx = derive(function, [x], lambda y: dy)
        cases.append(dict(op=op, x=x, shape=x.shape, to=y.shape, y=y, dy=dy, dx=dx))
    write("movement", "x -> y = op(x), of shape `to`; dx for dy.", cases)


def make_einsum():
    cases = []
    for i, (text, *shapes) in enumerate([
            ("ij->ji", (2, 3)), ("abc->ca", (2, 3, 4)), ("ij->", (3, 2)), ("ij,jk->ik", (2, 3), (3, 4)),
            ("ij,kj->ik", (2, 3), (4, 3)), ("ij,ik->kj", (3, 2), (3, 4)), ("ij,jk->ki", (2, 3), (3, 4)),
            ("i,i->", (5,), (5,)), ("i,j->ij", (3,), (4,)), ("ij,ij->ij", (2, 3), (2, 3)),
            ("ij,i->ij", (2, 3), (2,)), ("bqd,bkd->bqk", (2, 3, 4), (2, 5, 4)),
            ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)), ("bhqk,bkhd->bqhd", (2, 2, 3, 5), (2, 5, 2, 4)),
            ("abcd,cbe->dea", (2, 3, 4, 2), (4, 3, 5)), ("ab,cd,bc->ad", (2, 3), (4, 2), (3, 4)),
            ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 2), (2, 3)), ("i,j,ij->", (3,), (4,), (3, 4)),
            ("bi,ijk,bj->bk", (2, 3), (3, 4, 5), (2, 4)), ("...ij,...jk->...ik", (2, 1, 2, 3), (4, 3, 2)),
            ("...d,d->...", (2, 3, 4), (4,)), ("b...d->d...b", (2, 3, 4)), ("ab,bc->abc", (2, 3), (3, 2)),
            ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)), ("aij,bjk,c->aik", (2, 3, 2), (2, 2, 3), (3,))]):
        xs = [eighths(shape, 100 + 10 * i + k) for k, shape in enumerate(shapes)]
        dy = eighths(tuple(torch.einsum(text, *xs).shape), 100 + 10 * i + 9)
        y, *dxs = derive(lambda *xs: torch.einsum(text, *xs), xs, lambda y: dy)
        cases.append(dict(text=text, shapes=shapes, to=y.shape, xs=[x.reshape(-1).tolist() for x in xs],
                          y=y, dy=dy, dxs=[dx.reshape(-1).tolist() for dx in dxs]))
    write("einsum", "xs, of the shapes, -> y = einsum(text, xs), of shape `to`; dxs for dy.", cases)


def channels_last(function):
    """PyTorch has channels behind the batch."""
    return lambda x, *w: function(x.movedim(-1, 1), *w).movedim(1, -1)


def make_norms():
    layer = lambda k: lambda x, g, b: F.layer_norm(x, x.shape[-k:], g, b)
    group = lambda n: channels_last(lambda x, g, b: F.group_norm(x, n, g, b))
    instance = channels_last(lambda x, g, b: F.instance_norm(x, weight=g, bias=b))
    rms = lambda x, g: x / ((x * x).mean(-1, keepdim=True) + 1e-6).sqrt() * g
    cases = []
    for i, (name, function, shape, own) in enumerate([
            ("layer_norm", layer(1), (4, 6), (6,)), ("layer_norm_2", layer(2), (2, 3, 4), (3, 4)),
            ("layer_norm_axis", lambda x, g, b: layer(1)(x.transpose(1, 2), g, b).transpose(1, 2),
             (2, 5, 3), (5,)),
            ("group_norm", group(2), (2, 3, 2, 6), (6,)), ("group_norm_all", group(1), (3, 4), (4,)),
            ("group_norm_each", group(4), (2, 5, 4), (4,)),
            ("instance_norm", instance, (2, 3, 2, 4), (4,)), ("rms_norm", rms, (3, 5), (5,))]):
        inputs = [eighths(shape, 400 + 10 * i), eighths(own, 401 + 10 * i)]
        if name != "rms_norm":
            inputs.append(eighths(own, 402 + 10 * i))
        dy = eighths(shape, 403 + 10 * i)
        y, *d = derive(function, inputs, lambda y: dy)
        cases.append(dict(name=name, shape=shape, own=own, x=inputs[0], gamma=inputs[1],
                          beta=inputs[-1], dy=dy, y=y, dx=d[0], dgamma=d[1], dbeta=d[-1]))
    write("norms", "x, gamma, beta -> y; dx, dgamma, dbeta for dy. epsilon 1e-5, rms_norm 1e-6.", cases)


if __name__ == "__main__":
    make_gather()
    make_movement()
    make_einsum()
    make_norms()
