#!/usr/bin/python3
"""Writes the figures of this folder with PyTorch, an implementation that is not ours: values and
gradients of convolution, pooling, both as one block, and cross-entropy, dropout under a fixed mask,
ten steps of Adam and of momentum.

    /usr/bin/python3 tests/data/reference/make.py        # rewrites the .txt files beside it

Each file is a list of statements `name = [numbers]` (flat, row-major; NHWC images, [kh,kw,c,o]
filters) that C tests and .nn scripts can both read. Inputs are multiples of 1/8, exact in float
and float64 alike; results are float64's, after a check that float32 gives the same to its
precision. SAME is TensorFlow's: half of the padding before, an odd one after.
"""
import os
import torch
import torch.nn.functional as F

FOLDER = os.path.dirname(os.path.abspath(__file__))


def eighths(shape, seed, most=16):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-most, most + 1, shape, generator=generator).double() / 8


def distinct(shape, seed):
    n = 1
    for size in shape:
        n *= size
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return ((order.double() - n // 2) / 8).reshape(shape)


def padding(size, k, stride, same):
    if not same:
        return 0, 0
    out = -(-size // stride)
    total = max(0, (out - 1) * stride + k - size)
    return total // 2, total - total // 2


def pads(x, k, stride, same):
    """x is NHWC; gives what F.pad wants for NCHW: left, right, top, bottom."""
    return padding(x.shape[2], k[1], stride[1], same) + padding(x.shape[1], k[0], stride[0], same)


def to_nchw(x):
    return x.permute(0, 3, 1, 2)


def to_nhwc(x):
    return x.permute(0, 2, 3, 1)


def conv2d(x, f, stride, same, dilation=(1, 1), groups=1, sizes=None):
    """sizes: top, bottom, left, right of the padding, instead of SAME."""
    extent = [(k - 1) * d + 1 for k, d in zip(f.shape, dilation)]
    at = (sizes[2], sizes[3], sizes[0], sizes[1]) if sizes else pads(x, extent, stride, same)
    return to_nhwc(F.conv2d(F.pad(to_nchw(x), at), f.permute(3, 2, 0, 1), stride=stride,
                            dilation=dilation, groups=groups))


def max_pool(x, k, stride, same):
    padded = F.pad(to_nchw(x), pads(x, k, stride, same), value=float("-inf"))
    return to_nhwc(F.max_pool2d(padded, k, stride))


def avg_pool(x, k, stride, same):
    at = pads(x, k, stride, same)
    total = F.avg_pool2d(F.pad(to_nchw(x), at), k, stride)
    return to_nhwc(total / F.avg_pool2d(F.pad(torch.ones_like(to_nchw(x)), at), k, stride))


def number(v):
    return repr(int(v)) if v == int(v) and abs(v) < 2 ** 53 else repr(float(v))


class Figures:
    def __init__(self, name, about):
        self.path = os.path.join(FOLDER, name + ".txt")
        self.lines = ["# " + about, "# Made by make.py with PyTorch " + torch.__version__ + "."]

    def add(self, name, values):
        if isinstance(values, torch.Tensor):
            values = values.detach().reshape(-1).tolist()
        self.lines.append(name + " = [" + ", ".join(number(v) for v in values) + "]")

    def write(self):
        with open(self.path, "w") as f:
            f.write("\n".join(self.lines) + "\n")


def derive(function, inputs, dy):
    """Value and gradients in float64, checked against float32."""
    results = []
    for dtype in (torch.float64, torch.float32):
        leaves = [x.detach().to(dtype, copy=True).requires_grad_() for x in inputs]
        y = function(*leaves)
        y.backward(dy(y).to(dtype))
        results.append([y.detach()] + [x.grad for x in leaves])
    for wide, narrow in zip(*results):
        assert torch.allclose(wide, narrow.double(), rtol=1e-5, atol=1e-5)
    return results[0]


def make_conv2d():
    figures = Figures("conv2d", "x, filter -> y = conv2d; dx, dfilter for the gradient dy. "
                      "case: n, h, w, c, kh, kw, o, strides, dilation, groups, padding top, "
                      "bottom, left, right (-1: SAME).")
    one, none = (1, 1), (0, 0, 0, 0)
    cases = [
        (1, 6, 5, 2, 5, 5, 3, (1, 1), one, 1, None), (1, 6, 7, 2, 3, 3, 2, (2, 2), one, 1, None),
        (2, 5, 4, 1, 4, 2, 3, (1, 1), one, 1, None), (1, 6, 5, 3, 3, 2, 2, (2, 1), one, 1, none),
        (2, 5, 4, 3, 1, 1, 4, (2, 2), one, 1, None), (1, 7, 6, 2, 2, 3, 3, (3, 2), one, 1, None),
        # dilated, grouped, depthwise with one and two filters a channel, padding in sizes
        (1, 7, 6, 2, 3, 2, 3, (1, 1), (2, 3), 1, None), (1, 9, 7, 1, 3, 3, 2, (2, 1), (2, 2), 1, none),
        (1, 5, 6, 4, 3, 3, 6, (1, 2), one, 2, None), (2, 6, 5, 6, 2, 3, 3, (1, 1), (2, 1), 3, none),
        (1, 5, 5, 3, 3, 3, 3, (1, 1), one, 3, None), (1, 6, 7, 3, 3, 3, 6, (2, 2), one, 3, None),
        (2, 7, 5, 2, 2, 3, 4, (2, 1), (3, 2), 2, (1, 2, 3, 0)), (1, 4, 5, 2, 3, 3, 2, (1, 2), one, 1, (1, 1, 1, 1)),
        (1, 1, 8, 2, 1, 3, 2, (1, 1), (1, 2), 1, (0, 0, 4, 0)), (1, 1, 1, 4, 3, 3, 4, (1, 1), one, 4, None),
    ]
    for i, (n, h, w, c, kh, kw, o, stride, dilation, groups, sizes) in enumerate(cases, 1):
        x, f = eighths((n, h, w, c), 10 * i), eighths((kh, kw, c // groups, o), 10 * i + 1)
        dys = []

        def dy(y):
            dys.append(eighths(y.shape, 10 * i + 2))
            return dys[0]
        y, dx, df = derive(lambda x, f: conv2d(x, f, stride, True, dilation, groups, sizes),
                           [x, f], dy)
        figures.add("case_%d" % i, [n, h, w, c, kh, kw, o, *stride, *dilation, groups,
                                    *(sizes or (-1, -1, -1, -1))])
        for name, value in (("x", x), ("filter", f), ("y", y), ("dy", dys[0]), ("dx", dx),
                            ("dfilter", df)):
            figures.add("%s_%d" % (name, i), value)
    figures.write()


def block(x, f, bias, stride, dilation, sizes, k, pool_stride):
    """conv2d, bias, relu, max_pool under SAME; also each winner's place in its window."""
    y = torch.relu(conv2d(x, f, stride, True, dilation, 1, sizes) + bias)
    left, right, top, bottom = pads(y, k, pool_stride, True)
    padded = F.pad(to_nchw(y), (left, right, top, bottom), value=float("-inf"))
    pooled, at = F.max_pool2d(padded, k, pool_stride, return_indices=True)
    row, column = at // padded.shape[3], at % padded.shape[3]
    row -= torch.arange(pooled.shape[2])[:, None] * pool_stride[0]
    column -= torch.arange(pooled.shape[3]) * pool_stride[1]
    return to_nhwc(pooled), to_nhwc(row * k[1] + column)


def make_blocks():
    figures = Figures("block", "y = max_pool(relu(conv2d(x, filter) + bias)), with each winner's "
                      "place in its window; dx, dfilter, dbias for the gradient dy, which is dk where "
                      "y > 0. case: n, h, w, c, kh, kw, o, strides, dilation, padding top, bottom, "
                      "left, right (-1: SAME), the pooling's window and strides, SAME.")
    one = (1, 1)
    cases = [
        (2, 6, 7, 3, 3, 3, 5, one, one, None, (2, 2), (2, 2)),
        (1, 7, 8, 1, 5, 5, 4, one, one, None, (3, 3), (2, 2)),
        (1, 9, 8, 2, 3, 2, 3, (2, 1), (1, 2), (1, 2, 0, 1), (2, 3), (1, 2)),
        (1, 5, 5, 9, 1, 1, 9, one, one, None, (2, 2), (2, 2)),
        (3, 4, 4, 18, 3, 3, 2, one, one, (0, 0, 0, 0), (2, 2), (2, 2)),
    ]
    for i, (n, h, w, c, kh, kw, o, stride, dilation, sizes, k, pool_stride) in enumerate(cases, 1):
        inputs = [eighths((n, h, w, c), 20 * i), eighths((kh, kw, c, o), 20 * i + 1),
                  eighths((o,), 20 * i + 2)]
        dys, winners = [], []

        def dy(y):
            dys.append(eighths(y.shape, 20 * i + 3))
            return dys[0]

        def run(x, f, bias):
            y, winner = block(x, f, bias, stride, dilation, sizes, k, pool_stride)
            winners.append(winner)
            return y
        y, dx, df, dbias = derive(run, inputs, dy)
        assert torch.equal(*winners)
        figures.add("case_%d" % i, [n, h, w, c, kh, kw, o, *stride, *dilation,
                                    *(sizes or (-1, -1, -1, -1)), *k, *pool_stride])
        for name, value in (("x", inputs[0]), ("filter", inputs[1]), ("bias", inputs[2]), ("y", y),
                            ("winner", winners[0]), ("dy", dys[0]),
                            ("dk", torch.where(y > 0, dys[0], torch.zeros_like(y))), ("dx", dx),
                            ("dfilter", df), ("dbias", dbias)):
            figures.add("%s_%d" % (name, i), value)
    figures.write()


def make_pool():
    figures = Figures("pool", "x -> max_pool, avg_pool; dmax, davg: gradients of x for dy. "
                      "case: n, h, w, c, kh, kw, strides, SAME.")
    cases = [
        (2, 5, 5, 2, 2, 2, (2, 2), True), (1, 6, 7, 2, 3, 3, (2, 2), True),
        (1, 6, 5, 3, 3, 2, (1, 1), False), (1, 4, 5, 2, 3, 3, (1, 1), True),
        (1, 7, 7, 1, 2, 3, (3, 2), True),
    ]
    for i, (n, h, w, c, kh, kw, stride, same) in enumerate(cases, 1):
        x, dys = distinct((n, h, w, c), 100 * i), []

        def dy(y):
            dys.append(eighths(y.shape, 100 * i + 1))
            return dys[0]
        largest, dmax = derive(lambda x: max_pool(x, (kh, kw), stride, same), [x], dy)
        mean, davg = derive(lambda x: avg_pool(x, (kh, kw), stride, same), [x], lambda y: dys[0])
        figures.add("case_%d" % i, [n, h, w, c, kh, kw, *stride, int(same)])
        for name, value in (("x", x), ("dy", dys[0]), ("max_pool", largest), ("avg_pool", mean),
                            ("dmax", dmax), ("davg", davg)):
            figures.add("%s_%d" % (name, i), value)
    figures.write()


def transposed(x, f, stride, sizes, more, dilation, groups):
    """f is [kh,kw,out/groups,in]; sizes: top, left of a symmetric padding; more: rows and columns
    that PyTorch adds behind."""
    kh, kw, o, _ = f.shape
    return to_nhwc(F.conv_transpose2d(to_nchw(x), f.permute(3, 2, 0, 1), stride=stride,
                                      padding=sizes, output_padding=more, dilation=dilation,
                                      groups=groups))


def make_transposed():
    figures = Figures("conv2d_transpose",
                      "x, filter -> y = conv2d_transpose with padding in sizes; dx, dfilter for dy. "
                      "case: n, h, w, c, kh, kw, filters, strides, padding, result's h, w, dilation, "
                      "groups.")
    one = (1, 1)
    cases = [
        (1, 3, 4, 2, 3, 3, 3, one, (0, 0), (0, 0), one, 1),
        (2, 3, 2, 2, 3, 2, 2, (2, 2), (1, 0), (0, 1), one, 1),
        (1, 4, 3, 1, 4, 4, 2, (2, 3), (1, 1), (1, 0), one, 1),
        (1, 3, 3, 4, 2, 3, 4, (2, 1), (0, 1), (0, 0), (1, 2), 2),
        (1, 1, 1, 2, 3, 3, 1, (2, 2), (1, 1), (1, 1), one, 1),
        (1, 3, 5, 3, 3, 3, 3, (2, 2), (1, 1), (1, 1), one, 3),
    ]
    for i, (n, h, w, c, kh, kw, o, stride, sizes, more, dilation, groups) in enumerate(cases, 1):
        x, f = eighths((n, h, w, c), 40 * i), eighths((kh, kw, o // groups, c), 40 * i + 1)
        dys = []

        def dy(y):
            dys.append(eighths(y.shape, 40 * i + 2))
            return dys[0]
        y, dx, df = derive(lambda x, f: transposed(x, f, stride, sizes, more, dilation, groups),
                           [x, f], dy)
        figures.add("case_%d" % i, [n, h, w, c, kh, kw, o, *stride, *sizes, *y.shape[1:3], *dilation,
                                    groups])
        for name, value in (("x", x), ("filter", f), ("y", y), ("dy", dys[0]), ("dx", dx),
                            ("dfilter", df)):
            figures.add("%s_%d" % (name, i), value)
    figures.write()


def make_images():
    figures = Figures("images", "x -> y = pad or resize; dx for dy. pad_i: n, h, w, c, top, bottom, "
                      "left, right, mode (0 constant, 1 reflect, 2 edge), value. resize_i: n, h, w, c, "
                      "height, width, method (0 nearest, 1 bilinear).")
    modes = ("constant", "reflect", "replicate")
    pads_of = [(1, 3, 4, 2, 1, 2, 0, 3, 0, 0.5), (2, 3, 4, 1, 2, 1, 3, 2, 1, 0), (1, 2, 3, 2, 3, 1, 0, 4, 2, 0),
               (1, 1, 1, 3, 1, 2, 2, 1, 2, 0), (1, 1, 4, 1, 0, 0, 2, 3, 1, 0), (1, 2, 1, 1, 1, 1, 1, 0, 0, -2)]
    sizes_of = [(1, 3, 4, 2, 5, 7, 0), (2, 5, 4, 1, 2, 3, 0), (1, 3, 4, 2, 5, 7, 1), (2, 5, 4, 1, 2, 3, 1),
                (1, 2, 2, 3, 4, 4, 1), (1, 1, 3, 1, 3, 1, 1), (1, 1, 1, 2, 3, 2, 1), (1, 7, 6, 1, 3, 9, 0),
                (1, 4, 4, 1, 4, 4, 1)]

    def add(i, kind, case, function):
        x, dys = eighths(case[:4], 70 * i + len(kind)), []

        def dy(y):
            dys.append(eighths(y.shape, 70 * i + 9))
            return dys[0]
        y, dx = derive(function, [x], dy)
        figures.add("%s_%d" % (kind, i), case)
        for name, value in (("x", x), ("y", y), ("dy", dys[0]), ("dx", dx)):
            figures.add("%s_%s_%d" % (kind, name, i), value)

    for i, case in enumerate(pads_of, 1):
        top, bottom, left, right, mode, value = case[4:]
        options = {"value": value} if mode == 0 else {}
        add(i, "pad", case, lambda x: to_nhwc(F.pad(to_nchw(x), (left, right, top, bottom),
                                                    mode=modes[mode], **options)))
    for i, case in enumerate(sizes_of, 1):
        options = ({"mode": "bilinear", "align_corners": False} if case[6] else
                   {"mode": "nearest-exact"})
        add(i, "resize", case, lambda x: to_nhwc(F.interpolate(to_nchw(x), size=case[4:6], **options)))
    figures.write()


def make_losses():
    figures = Figures("cross_entropy",
                      "logits[4,5], labels[4,5] -> softmax_cross_entropy[4]; classes[4] -> "
                      "sparse_softmax_cross_entropy[4]; dlogits, dlogits_sparse: gradients for dy.")
    logits, weights = eighths((4, 5), 1, 40), eighths((4, 5), 2).abs() + 1
    labels = weights / weights.sum(1, keepdim=True)
    classes, g = torch.tensor([3, 0, 4, 2]), torch.tensor([1.0, -0.5, 2.0, 0.25]).double()
    loss, dlogits = derive(lambda z: F.cross_entropy(z, labels.to(z.dtype), reduction="none"),
                           [logits], lambda y: g)
    sparse, dsparse = derive(lambda z: F.cross_entropy(z, classes, reduction="none"),
                             [logits], lambda y: g)
    for name, value in (("logits", logits), ("labels", labels), ("classes", classes), ("dy", g),
                        ("softmax_cross_entropy", loss), ("dlogits", dlogits),
                        ("sparse_softmax_cross_entropy", sparse), ("dlogits_sparse", dsparse)):
        figures.add(name, value)
    figures.write()


def make_dropout():
    figures = Figures("dropout", "x[3,4] under a fixed mask with keep_prob 0.75 -> "
                      "y = x * mask / keep_prob; dx for dy.")
    x, g = eighths((3, 4), 5), eighths((3, 4), 6)
    mask = (torch.rand((3, 4), generator=torch.Generator().manual_seed(7)) < 0.75).double()
    y, dx = derive(lambda x: x * mask.to(x.dtype) / 0.75, [x], lambda y: g)
    for name, value in (("x", x), ("mask", mask), ("dy", g), ("y", y), ("dx", dx)):
        figures.add(name, value)
    figures.write()


def make_batch_norm():
    figures = Figures("batch_norm", "x_1..x_3[4,2,1,3], dy[4,2,1,3], rate 0.5, momentum 0.9 (PyTorch's "
                      "0.1): three steps of SGD on sum(dy y^2 / 8); then the variables, the eval of x_1, "
                      "and dx of a training x_1 before them.")
    layer = torch.nn.BatchNorm2d(3).double()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    xs = [eighths((4, 2, 1, 3), 20 + i) for i in range(3)]
    dy = eighths((4, 2, 1, 3), 23)
    for i, x in enumerate(xs):
        figures.add("x_%d" % (i + 1), x)
    figures.add("dy", dy)
    first = xs[0].clone().requires_grad_()
    for i, x in enumerate(xs):
        if i == 0:
            x = first
        optimizer.zero_grad()
        (dy * to_nhwc(layer(to_nchw(x))) ** 2 / 8).sum().backward()
        optimizer.step()
    layer.eval()
    for name, value in (("dx", first.grad), ("gamma", layer.weight), ("beta", layer.bias),
                        ("moving_mean", layer.running_mean),
                        ("moving_variance", layer.running_var),
                        ("y", to_nhwc(layer(to_nchw(xs[0]))))):
        figures.add(name, value.detach())
    figures.write()


def ten_steps(make, before_step):
    """w after each of ten steps; step t's gradient is gradients[t] + w / 4: errors accumulate."""
    gradients = eighths((10, 6), 8)
    histories = []
    for dtype in (torch.float64, torch.float32):
        w = eighths((6,), 9).to(dtype, copy=True).requires_grad_()
        optimizer, history = make([w]), []
        for t in range(10):
            before_step(optimizer, t + 1)
            w.grad = gradients[t].to(dtype) + w.detach() / 4
            optimizer.step()
            history.append(w.detach().clone())
        histories.append(torch.stack(history))
    assert torch.allclose(histories[0], histories[1].double(), rtol=1e-5, atol=1e-5)
    return eighths((6,), 9), gradients, histories[0]


def make_optimizers():
    """PyTorch's Adam adds epsilon after correcting the second moment's bias, ours before (section 2
    of the paper), so epsilon is divided by that correction at each step."""
    def set_epsilon(optimizer, t):
        optimizer.param_groups[0]["eps"] = 1e-8 / (1 - 0.999 ** t) ** 0.5
    adam = ten_steps(lambda w: torch.optim.Adam(w, lr=0.1), set_epsilon)
    momentum = ten_steps(lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.9),
                         lambda optimizer, t: None)
    for name, (w, gradients, history) in (("adam", adam), ("momentum", momentum)):
        figures = Figures(name, "w[6]: the first value; w_1 .. w_10: after each step of %s(0.1), "
                          "whose gradient is g_t + w / 4." % name)
        figures.add("w", w)
        for t in range(10):
            figures.add("g_%d" % (t + 1), gradients[t])
        for t in range(10):
            figures.add("w_%d" % (t + 1), history[t])
        figures.write()


if __name__ == "__main__":
    make_conv2d()
    make_blocks()
    make_pool()
    make_transposed()
    make_images()
    make_losses()
    make_dropout()
    make_batch_norm()
    make_optimizers()
