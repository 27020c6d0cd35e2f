#!/usr/bin/python3
"""Writes optimizers.txt: twenty steps of each optimizer, by PyTorch where it has it and else by a
NumPy transcription of the paper's algorithm (LAMB, Lion), all in float64.

    /usr/bin/python3 tests/data/reference/make_optimizers.py

There are two variables, W[2, 3] and b[3], in one list of nine numbers. The gradient at step t is
g_t + w / 4 for both, that of the loss sum(g_t w) + sum(w w) / 8.
"""
import os
import numpy
import torch

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.txt")
STEPS = 20
KEPT = (1, 2, 3, 5, 8, 14, 20)


def eighths(seed):
    return numpy.random.RandomState(seed).randint(-16, 17, 9) / 8


def with_torch(make):
    """make(parameters) -> an optimizer, or (optimizer, what is called after each step)."""
    w = [torch.tensor(W0[:6].reshape(2, 3), requires_grad=True), torch.tensor(W0[6:], requires_grad=True)]
    made = make(w)
    optimizer, after = made if isinstance(made, tuple) else (made, lambda: None)
    history = []
    for g in GRADIENTS:
        for v, part in zip(w, (g[:6].reshape(2, 3), g[6:])):
            v.grad = torch.tensor(part) + v.detach() / 4
        optimizer.step()
        after()
        history.append(numpy.concatenate([v.detach().numpy().reshape(-1) for v in w]))
    return history


def lamb(rate, beta1, beta2, epsilon, decay):
    """You et al. 2020, algorithm 2, with the identity for phi; a ratio of 1 where a norm is 0."""
    def update(x, g, s, t):
        s["m"] = beta1 * s["m"] + (1 - beta1) * g
        s["v"] = beta2 * s["v"] + (1 - beta2) * g ** 2
        r = s["m"] / (1 - beta1 ** t) / (numpy.sqrt(s["v"] / (1 - beta2 ** t)) + epsilon)
        full = r + decay * x
        above, below = numpy.linalg.norm(x), numpy.linalg.norm(full)
        return x - rate * (above / below if above > 0 and below > 0 else 1) * full
    return update


def lion(rate, beta1, beta2, decay):
    """Chen et al. 2023, algorithm 2."""
    def update(x, g, s, t):
        c = beta1 * s["m"] + (1 - beta1) * g
        new = x - rate * (numpy.sign(c) + decay * x)
        s["m"] = beta2 * s["m"] + (1 - beta2) * g
        return new
    return update


def with_numpy(update):
    x = [W0[:6].copy(), W0[6:].copy()]
    states = [{"m": numpy.zeros_like(v), "v": numpy.zeros_like(v)} for v in x]
    history = []
    for t, g in enumerate(GRADIENTS, 1):
        x = [update(v, part + v / 4, s, t) for v, part, s in zip(x, (g[:6], g[6:]), states)]
        history.append(numpy.concatenate(x))
    return history


def scheduled(make, function):
    def both(w):
        optimizer = make(w)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, function)
        return optimizer, schedule.step
    return both


W0 = eighths(1)
GRADIENTS = [eighths(100 + t) for t in range(STEPS)]
o = torch.optim
CASES = {
    "gradient_descent": with_torch(lambda w: o.SGD(w, lr=0.1)),
    "gradient_descent_decay": with_torch(lambda w: o.SGD(w, lr=0.1, weight_decay=0.2)),
    "momentum": with_torch(lambda w: o.SGD(w, lr=0.1, momentum=0.9)),
    "momentum_decay": with_torch(lambda w: o.SGD(w, lr=0.1, momentum=0.6, weight_decay=0.2)),
    "nesterov": with_torch(lambda w: o.SGD(w, lr=0.1, momentum=0.9, nesterov=True)),
    "nesterov_decay": with_torch(lambda w: o.SGD(w, lr=0.1, momentum=0.6, nesterov=True, weight_decay=0.2)),
    "adagrad": with_torch(lambda w: o.Adagrad(w)),
    "adagrad_settings": with_torch(lambda w: o.Adagrad(w, lr=0.2, initial_accumulator_value=0.5, eps=1e-2,
                                                       lr_decay=0.1, weight_decay=0.2)),
    "rmsprop": with_torch(lambda w: o.RMSprop(w)),
    "rmsprop_momentum": with_torch(lambda w: o.RMSprop(w, lr=0.02, alpha=0.8, momentum=0.7, weight_decay=0.2)),
    "rmsprop_centered": with_torch(lambda w: o.RMSprop(w, lr=0.02, alpha=0.9, eps=1e-3, centered=True)),
    "rmsprop_both": with_torch(lambda w: o.RMSprop(w, lr=0.02, alpha=0.9, eps=1e-3, centered=True, momentum=0.5)),
    "adadelta": with_torch(lambda w: o.Adadelta(w)),
    "adadelta_settings": with_torch(lambda w: o.Adadelta(w, lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.2)),
    # epsilon here is added before sqrt(v) is unbiased, in PyTorch after: without it they are the same
    "adam": with_torch(lambda w: o.Adam(w, lr=0.1, eps=0)),
    "adam_decay": with_torch(lambda w: o.Adam(w, lr=0.1, betas=(0.8, 0.9), eps=0, weight_decay=0.2)),
    "amsgrad": with_torch(lambda w: o.Adam(w, lr=0.1, amsgrad=True)),
    "amsgrad_settings": with_torch(lambda w: o.Adam(w, lr=0.1, betas=(0.7, 0.6), eps=1e-2, amsgrad=True,
                                                    weight_decay=0.2)),
    "adamw": with_torch(lambda w: o.AdamW(w)),
    "adamw_settings": with_torch(lambda w: o.AdamW(w, lr=0.1, betas=(0.8, 0.9), eps=1e-2, weight_decay=0.3)),
    "adamw_matrices": with_torch(lambda w: o.AdamW([{"params": w[:1], "weight_decay": 0.3},
                                                    {"params": w[1:], "weight_decay": 0}], lr=0.1)),
    "adamw_scheduled": with_torch(scheduled(lambda w: o.AdamW(w, lr=0.1, weight_decay=0.3),
                                            lambda step: 1 / (1 + step))),
    # one tensor at a time, PyTorch 1.13 multiplies mu_t twice into the product; so all at a time
    "nadam": with_torch(lambda w: o.NAdam(w, foreach=True)),
    "nadam_settings": with_torch(lambda w: o.NAdam(w, lr=0.1, betas=(0.8, 0.9), eps=1e-2, momentum_decay=0.1,
                                                   weight_decay=0.2, foreach=True)),
    "lamb": with_numpy(lamb(0.001, 0.9, 0.999, 1e-6, 0.01)),
    "lamb_settings": with_numpy(lamb(0.1, 0.8, 0.9, 1e-2, 0.3)),
    "lion": with_numpy(lion(1e-4, 0.9, 0.99, 0.0)),
    "lion_settings": with_numpy(lion(0.1, 0.8, 0.9, 0.3)),
}


def row(values):
    return "[" + ", ".join(repr(int(v)) if v == int(v) else repr(float(v)) for v in values) + "]"


def table(rows):
    return "[" + ",\n  ".join(row(r) for r in rows) + "]"


with open(PATH, "w") as f:
    f.write("# w: the first values of W[2, 3] and b[3]; g: a gradient a step; NAME: w after each of the\n"
            "# steps that `kept` counts, from 1.\n"
            "# Made by make_optimizers.py with PyTorch %s and NumPy %s.\n"
            % (torch.__version__, numpy.__version__))
    f.write("w = %s\ng = %s\nkept = %s\n" % (row(W0), table(GRADIENTS), row(KEPT)))
    f.write("figures = {\n")
    for name, history in CASES.items():
        f.write("  %s: %s,\n" % (name, table([history[t - 1] for t in KEPT])))
    f.write("}\n")
