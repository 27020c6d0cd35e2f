#!/usr/bin/python3
"""Writes recurrent.txt with PyTorch, an implementation that is not ours: an LSTM, a GRU and a simple recurrent layer
over [batch, time, features], their gradients, and the loss over steps of gradient descent; and an LSTM in both
directions over sequences of three lengths.

    /usr/bin/python3 tests/data/reference/make_recurrent.py

Inputs and weights are multiples of 1/8, or of 1/16. Weights are [inputs, 4 units] in PyTorch's order of gates:
i f g o of the LSTM, r z n of the GRU.
"""
import os
import torch

FOLDER = os.path.dirname(os.path.abspath(__file__))
BATCH, TIME, INPUTS, UNITS = 3, 7, 4, 5


def eighths(shape, seed, most=8, unit=8):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-most, most + 1, shape, generator=generator).double() / unit


def text(t):
    return "[" + ", ".join(f"{v:.9g}" for v in t.detach().reshape(-1).tolist()) + "]"


def layer(kind, gates, seed):
    net = kind(INPUTS, UNITS, batch_first=True).double()
    shapes = {"weight_ih_l0": (INPUTS, gates * UNITS), "weight_hh_l0": (UNITS, gates * UNITS),
              "bias_ih_l0": (gates * UNITS,), "bias_hh_l0": (gates * UNITS,)}
    with torch.no_grad():
        for i, (name, shape) in enumerate(shapes.items()):
            value = eighths(shape, seed + i, unit=16)
            getattr(net, name).copy_(value.t() if value.dim() == 2 else value)
    return net


def figures(name, kind, gates, seed):
    net = layer(kind, gates, seed)
    x = eighths((BATCH, TIME, INPUTS), seed + 10).requires_grad_()
    h0 = eighths((1, BATCH, UNITS), seed + 11).requires_grad_()
    c0 = eighths((1, BATCH, UNITS), seed + 12).requires_grad_()
    dy = eighths((BATCH, TIME, UNITS), seed + 13)
    y, last = net(x, (h0, c0) if gates == 4 else h0)
    (y * dy).sum().backward()
    w, u, b, v = (p for p in net.parameters())
    rows = {"w": w.t(), "u": u.t(), "b": b, "v": v, "x": x, "h0": h0, "c0": c0, "dy": dy, "y": y,
            "dw": w.grad.t(), "du": u.grad.t(), "db": b.grad, "dv": v.grad, "dx": x.grad, "dh0": h0.grad}
    if gates == 4:
        rows["c"], rows["dc0"] = last[1], c0.grad
    out = [f"{name}_{key} = {text(t)}" for key, t in rows.items() if gates == 4 or "c0" not in key]
    losses = []
    for step in range(5):
        net.zero_grad()
        y, last = net(x.detach(), (h0.detach(), c0.detach()) if gates == 4 else h0.detach())
        loss = ((y - dy) ** 2).mean()
        loss.backward()
        losses.append(loss)
        with torch.no_grad():
            for p in net.parameters():
                p -= p.grad
    return out + [f"{name}_losses = {text(torch.stack(losses))}"]


def both_ways(seed, lengths):
    net = torch.nn.LSTM(INPUTS, UNITS, batch_first=True, bidirectional=True).double()
    weights = list(net.parameters())   # w u b v of one direction, then of the other
    with torch.no_grad():
        for i, p in enumerate(weights):
            value = eighths(tuple(reversed(p.shape)), seed + i, unit=16)
            p.copy_(value.t() if value.dim() == 2 else value)
    x = eighths((BATCH, TIME, INPUTS), seed + 10).requires_grad_()
    dy = eighths((BATCH, TIME, 2 * UNITS), seed + 11)
    live = torch.arange(TIME)[None] < torch.tensor(lengths)[:, None]
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    y, (last, _) = net(packed)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
    dy = dy * live[:, :, None]
    (y * dy).sum().backward()
    rows = {"x": x, "dy": dy, "y": y, "last": torch.cat([last[0], last[1]], 1), "dx": x.grad}
    out = [f"both_lengths = {lengths}"] + [f"both_{key} = {text(t)}" for key, t in rows.items()]
    for i, p in enumerate(weights):
        name = "wubv"[i % 4] + ("" if i < 4 else "_back")
        turned = (lambda t: t.t() if t.dim() == 2 else t)
        out += [f"both_{name} = {text(turned(p))}", f"both_d{name} = {text(turned(p.grad))}"]
    return out


lines = ["# lstm_ and gru_: weights w u, biases b v, x, h0 (c0) -> y; d.. the gradients of sum(y * dy); losses of five",
         "# steps of gradient descent, at rate 1, on mean((y - dy)^2). rnn_: the same, tanh. both_: an LSTM in both",
         "# directions over sequences of three lengths; dy is 0 behind their ends.",
         f"# Made by make_recurrent.py with PyTorch {torch.__version__}."]
lines += figures("lstm", torch.nn.LSTM, 4, 100) + figures("gru", torch.nn.GRU, 3, 200) + figures("rnn", torch.nn.RNN, 1, 300)
lines += both_ways(400, [7, 3, 5])
with open(os.path.join(FOLDER, "recurrent.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
