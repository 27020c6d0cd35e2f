#!/usr/bin/python3
"""Writes the figures of the library's losses with PyTorch, in the form that make.py describes.

    /usr/bin/python3 tests/data/reference/make_losses.py
"""
import torch
import torch.nn.functional as F

from make import Figures, derive, eighths

EACH = {"reduction": "none"}


def add(figures, name, function, inputs, seed):
    """y_NAME, its upstream gradient u_NAME and the gradients d0_NAME, d1_NAME, .. of the inputs."""
    upstream = []

    def dy(y):
        upstream.append(eighths(tuple(y.shape), seed, 8))
        return upstream[0]
    y, *gradients = derive(function, inputs, dy)
    figures.add("y_" + name, y)
    figures.add("u_" + name, upstream[0])
    for i, d in enumerate(gradients):
        figures.add("d%d_%s" % (i, name), d)


def probabilities(shape, seed):
    weights = eighths(shape, seed).abs() + 0.125
    weights[0, 0] = 0       # a label of no probability
    return weights / weights.sum(-1, keepdim=True)


def crammer_singer(scores, classes):
    right = F.one_hot(classes, scores.shape[-1]).bool()
    own = scores[right]
    return F.relu(1.5 + scores.masked_fill(right, float("-inf")).max(-1)[0] - own)


def focal(z, labels):
    p = torch.sigmoid(z)
    p_t = p * labels + (1 - p) * (1 - labels)
    weight = 0.25 * labels + 0.75 * (1 - labels)
    return weight * (1 - p_t) ** 2 * F.binary_cross_entropy_with_logits(z, labels, **EACH)


def make_losses():
    figures = Figures("losses", "x[6,5], t[6,5], yes[6,5] (0 or 1), p[6,5] (probabilities), classes[6], "
                      "same[6] -> y_NAME; d0_NAME, d1_NAME, ..: gradients of the inputs for u_NAME.")
    x, t, w = eighths((6, 5), 51, 32), eighths((6, 5), 52, 32), eighths((6, 5), 53, 32)
    yes = (eighths((6, 5), 54) > 0).double()
    p, counts = probabilities((6, 5), 55), eighths((6, 5), 56).abs().round()
    classes, same = torch.tensor([3, 0, 4, 2, 1, 4]), torch.tensor([1., 0, 0, 1, 0, 0]).double()
    for name, value in (("x", x), ("t", t), ("w", w), ("yes", yes), ("p", p), ("counts", counts),
                        ("classes", classes), ("same", same)):
        figures.add(name, value)
    add(figures, "huber", lambda x, t: F.huber_loss(x, t, delta=1.5, **EACH).mean(-1), [x, t], 60)
    add(figures, "smooth_l1", lambda x, t: F.smooth_l1_loss(x, t, beta=0.5, **EACH).mean(-1), [x, t], 61)
    add(figures, "log_cosh", lambda x, t: torch.log(torch.cosh(x - t)).mean(-1), [x, t], 62)
    add(figures, "poisson", lambda x, c: F.poisson_nll_loss(x, c, full=False, **EACH).mean(-1), [x, counts], 63)
    add(figures, "poisson_rate", lambda x, c: F.poisson_nll_loss(x, c, log_input=False, **EACH).mean(-1),
        [x.abs() + 0.5, counts], 64)
    add(figures, "sigmoid", lambda x, y: F.binary_cross_entropy_with_logits(x, y, **EACH), [8 * x, p], 65)
    add(figures, "focal", lambda x: focal(x, yes.to(x.dtype)), [x], 66)
    add(figures, "softmax_focal", lambda x: -(p.to(x.dtype) * (1 - torch.softmax(x, -1)) ** 1.5
                                              * torch.log_softmax(x, -1)).sum(-1), [x], 67)
    add(figures, "hinge", lambda x: F.hinge_embedding_loss((2 * yes.to(x.dtype) - 1) * x,
                                                           -torch.ones_like(x), margin=1.5, **EACH), [x], 68)
    add(figures, "categorical_hinge", lambda x: crammer_singer(x, classes), [x + w / 16], 69)
    add(figures, "multi_margin", lambda x: F.multi_margin_loss(x, classes, margin=1.5, **EACH), [x + w / 16], 70)
    add(figures, "kl", lambda x: F.kl_div(torch.log_softmax(x, -1), p.to(x.dtype), **EACH).sum(-1), [x], 71)
    add(figures, "gaussian_kl", lambda m, v: torch.distributions.kl_divergence(
        torch.distributions.Normal(m, torch.exp(v / 2)),
        torch.distributions.Normal(torch.zeros_like(m), torch.ones_like(m))).sum(-1), [x, t / 4], 72)
    add(figures, "smoothed", lambda x: F.cross_entropy(x, classes, label_smoothing=0.2, **EACH), [x], 73)
    add(figures, "cosine_similarity", lambda a, b: F.cosine_similarity(a, b), [x, t], 74)
    add(figures, "cosine_embedding", lambda a, b: F.cosine_embedding_loss(
        a, b, 2 * same.to(a.dtype) - 1, margin=-0.25, **EACH), [x, t], 75)
    distance = torch.nn.PairwiseDistance(eps=0)
    add(figures, "contrastive", lambda a, b: (same * distance(a, b) ** 2 / 2
                                              + (1 - same) * F.relu(7 - distance(a, b)) ** 2 / 2), [x, t], 76)
    add(figures, "triplet", lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=2, eps=0, **EACH), [x, t, w], 77)
    figures.write()


def make_ctc():
    figures = Figures("ctc", "logits[4,7,5], labels[4,3] with frames[4] and counts[4] -> y_NAME; d0_NAME: the gradient "
                      "of logits for u_NAME. blank: with it 4 and labels 4 - label; long: of all frames and labels.")
    logits = eighths((4, 7, 5), 81, 24)
    labels = torch.tensor([[1, 2, 1], [3, 3, 0], [4, 0, 0], [2, 2, 2]])
    frames, counts = torch.tensor([7, 5, 4, 6]), torch.tensor([3, 2, 0, 3])
    for name, value in (("logits", logits), ("labels", labels), ("frames", frames), ("counts", counts)):
        figures.add(name, value)

    def ctc(z, labels, frames, counts, blank=0):
        return F.ctc_loss(torch.log_softmax(z, -1).transpose(0, 1), labels, frames, counts, blank=blank, **EACH)
    add(figures, "ctc", lambda z: ctc(z, labels, frames, counts), [logits], 82)
    add(figures, "blank", lambda z: ctc(z, 4 - labels, frames, counts, 4), [logits], 83)
    add(figures, "long", lambda z: ctc(z, torch.tensor([[1, 2, 1], [3, 3, 1], [4, 1, 2], [2, 2, 2]]),
                                       torch.tensor([7] * 4), torch.tensor([3] * 4)), [logits], 84)
    figures.write()


if __name__ == "__main__":
    make_losses()
    make_ctc()
