#!/usr/bin/python3
"""Writes schedules.txt: learning rates by PyTorch's schedulers, and the one that it does not have by
the formula of its paper.

    /usr/bin/python3 tests/data/reference/make_schedules.py
"""
import os
import warnings
import torch
from torch.optim import lr_scheduler as s

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schedules.txt")
warnings.simplefilter("ignore")     # no optimizer steps here


def rates(make, n, rate=0.1, key="lr"):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate, momentum=0.9)
    scheduler = make(optimizer)
    out = []
    for _ in range(n):
        out.append(optimizer.param_groups[0][key])
        scheduler.step()
    return out


def one_cycle(o, **settings):
    return s.OneCycleLR(o, max_lr=0.1, total_steps=30, **settings)


CASES = {
    "constant_rate": rates(lambda o: s.LambdaLR(o, lambda step: 1), 5),
    "step_decay": rates(lambda o: s.StepLR(o, step_size=4, gamma=0.3), 15),
    "piecewise_constant": rates(lambda o: s.MultiStepLR(o, milestones=[3, 4, 9], gamma=0.5), 12),
    "exponential_decay": rates(lambda o: s.ExponentialLR(o, gamma=0.9), 15),
    "linear_decay": rates(lambda o: s.LinearLR(o, start_factor=1, end_factor=0.2, total_iters=10), 14),
    "polynomial_decay": rates(lambda o: s.PolynomialLR(o, total_iters=10, power=2.5), 14),
    "cosine_decay": rates(lambda o: s.CosineAnnealingLR(o, T_max=12, eta_min=0.01), 13),
    "cosine_restarts": rates(lambda o: s.CosineAnnealingWarmRestarts(o, T_0=7, eta_min=0.01), 30),
    "cosine_growing": rates(lambda o: s.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2), 100),
    "cosine_tripled": rates(lambda o: s.CosineAnnealingWarmRestarts(o, T_0=1, T_mult=3), 125),
    "one_cycle": rates(one_cycle, 30),
    "one_cycle_settings": rates(lambda o: one_cycle(o, pct_start=0.4, div_factor=10, final_div_factor=5), 30),
    "one_cycle_momentum": rates(one_cycle, 30, key="momentum"),
    # PyTorch's goes from 1 / 5 to 1 in 4 steps of the same size
    "linear_warmup": rates(lambda o: s.LinearLR(o, start_factor=1 / 5, total_iters=4), 9),
    # Vaswani et al. 2017, section 5.3, for a width of 64
    "inverse_sqrt_decay": [64 ** -0.5 * min(t ** -0.5, t * 10 ** -1.5) for t in range(1, 41)],
}

with open(PATH, "w") as f:
    f.write("# NAME: the rate at each step, from 0.\n# Made by make_schedules.py with PyTorch %s.\nfigures = {\n"
            % torch.__version__)
    for name, values in CASES.items():
        f.write("  %s: [%s],\n" % (name, ", ".join(repr(float(v)) for v in values)))
    f.write("}\n")
