#!/usr/bin/python3
"""Writes attention.txt with PyTorch, an implementation that is not ours: multi-head attention, the two blocks of a
transformer, normalised before and behind, and their gradients.

    /usr/bin/python3 tests/data/reference/make_attention.py

Inputs and weights are multiples of 1/8, or of 1/16. Weights are [inputs, outputs].
"""
import os
import torch

FOLDER = os.path.dirname(os.path.abspath(__file__))
BATCH, TIME, KEYS, WIDTH, MEMORY, HIDDEN, HEADS = 2, 5, 4, 8, 6, 12, 2
LENGTHS, KEY_LENGTHS = [5, 3], [2, 4]
seed = 0


def eighths(shape, unit=8):
    global seed
    seed += 1
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-8, 9, shape, generator=generator).double() / unit


def text(t):
    return "[" + ", ".join(f"{v:.9g}" for v in t.detach().reshape(-1).tolist()) + "]"


def fill(net):
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(eighths(tuple(p.shape), 16))


def attention_weights(name, net):
    """Pairs of a name and what gives it from the weights, or from their gradients."""
    out = []
    for i, part in enumerate(["query", "key", "value"]):
        if net._qkv_same_embed_dim:
            weight = (lambda get, i=i: get(net.in_proj_weight)[i * WIDTH:(i + 1) * WIDTH].t())
        else:
            p = [net.q_proj_weight, net.k_proj_weight, net.v_proj_weight][i]
            weight = (lambda get, p=p: get(p).t())
        out.append((f"{name}{part}/W", weight))
        out.append((f"{name}{part}/b", lambda get, i=i: get(net.in_proj_bias)[i * WIDTH:(i + 1) * WIDTH]))
    return out + linear_weights(f"{name}output", net.out_proj)


def linear_weights(name, net):
    return [(f"{name}/W", lambda get: get(net.weight).t()), (f"{name}/b", lambda get: get(net.bias))]


def norm_weights(name, net):
    return [(f"{name}/gamma", lambda get: get(net.weight)), (f"{name}/beta", lambda get: get(net.bias))]


def case(name, weights, y, inputs):
    dy = eighths(tuple(y.shape))
    (y * dy).sum().backward()
    fields = [("name", f'"{name}"'), ("y", text(y)), ("dy", text(dy))]
    fields += [(key, text(t)) for key, t in inputs.items()] + [(f"d{key}", text(t.grad)) for key, t in inputs.items()]
    for what, get in [("weights", lambda p: p), ("gradients", lambda p: p.grad)]:
        listed = ", ".join(f'["{key}", {text(f(get))}]' for key, f in weights)
        fields.append((what, f"[{listed}]"))
    return "{" + ", ".join(f"{key}: {value}" for key, value in fields) + "}"


def x_input():
    return eighths((BATCH, TIME, WIDTH)).requires_grad_()


causal = torch.triu(torch.ones(TIME, TIME, dtype=torch.bool), 1)
padding = torch.arange(TIME)[None] >= torch.tensor(LENGTHS)[:, None]
key_padding = torch.arange(KEYS)[None] >= torch.tensor(KEY_LENGTHS)[:, None]
cases = []

net = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).double()
fill(net)
x = x_input()
cases.append(case("plain", attention_weights("", net), net(x, x, x)[0], {"x": x}))
net.zero_grad()
x = x_input()
y = net(x, x, x, attn_mask=causal, key_padding_mask=padding)[0]
cases.append(case("masked", attention_weights("", net), y, {"x": x}))

net = torch.nn.MultiheadAttention(WIDTH, HEADS, kdim=MEMORY, vdim=MEMORY, batch_first=True).double()
fill(net)
x, memory = x_input(), eighths((BATCH, KEYS, MEMORY)).requires_grad_()
y = net(x, memory, memory, key_padding_mask=key_padding)[0]
cases.append(case("memory", attention_weights("", net), y, {"x": x, "memory": memory}))

for first in (True, False):
    net = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, dropout=0, batch_first=True, norm_first=first).double()
    fill(net)
    x = x_input()
    y = net(x, src_mask=causal, src_key_padding_mask=padding)
    weights = attention_weights("attend/", net.self_attn) + linear_weights("feed/wide", net.linear1)
    weights += linear_weights("feed/narrow", net.linear2) + norm_weights("norm_1", net.norm1)
    weights += norm_weights("norm_2", net.norm2)
    cases.append(case("block_pre" if first else "block_post", weights, y, {"x": x}))

for first in (True, False):
    net = torch.nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN, dropout=0, batch_first=True, norm_first=first).double()
    fill(net)
    x, memory = x_input(), eighths((BATCH, KEYS, WIDTH)).requires_grad_()
    y = net(x, memory, tgt_mask=causal, tgt_key_padding_mask=padding, memory_key_padding_mask=key_padding)
    weights = attention_weights("attend/", net.self_attn) + attention_weights("look/", net.multihead_attn)
    weights += linear_weights("feed/wide", net.linear1) + linear_weights("feed/narrow", net.linear2)
    weights += norm_weights("norm_1", net.norm1) + norm_weights("norm_2", net.norm2) + norm_weights("norm_3", net.norm3)
    cases.append(case("decoder_pre" if first else "decoder_post", weights, y, {"x": x, "memory": memory}))

lines = ["# x (and memory) -> y; d.. the gradients of sum(y * dy). weights and gradients: pairs of a name and values. In",
         f"# sequences of the lengths {LENGTHS} of {TIME}, memories of the lengths {KEY_LENGTHS} of {KEYS}; heads: {HEADS}.",
         f"# Made by make_attention.py with PyTorch {torch.__version__}.",
         "cases = [", *[c + "," for c in cases], "]"]
with open(os.path.join(FOLDER, "attention.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
