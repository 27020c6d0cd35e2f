#!/usr/bin/env python3
"""Writes metrics.txt: figures of scikit-learn, with ties and with classes that nothing is of or that
nothing is predicted to be.

    pip install scikit-learn; python3 tests/data/reference/make_metrics.py
"""
import os
import warnings
import numpy
import sklearn
from sklearn import metrics

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics.txt")
N, CLASSES = 30, 5
random = numpy.random.RandomState(3)
warnings.simplefilter("ignore")     # of quotients that are 0 / 0, taken as 0

# distinct, so that top-k has no ties; no example is of class 4, none is predicted to be of class 3
logits = (random.permutation(N * CLASSES).reshape(N, CLASSES) - N * CLASSES // 2) / 8
logits[:, 3] -= 20
labels = random.randint(0, 4, N)
labels[:12] = logits[:12].argmax(axis=1) % 4
# scores of eighths have many ties
scores = random.randint(-8, 9, N) / 8
yes = (scores + random.randint(-12, 13, N) / 8 > 0).astype(int)
constant_yes = numpy.ones(N, int)
target = random.randint(-16, 17, (N, 2)) / 8
predicted = target + random.randint(-8, 9, (N, 2)) / 8
flat = numpy.stack([target[:, 0], numpy.full(N, 0.5), numpy.full(N, 0.5)], axis=1)
guessed = numpy.stack([predicted[:, 0], numpy.full(N, 0.5), predicted[:, 1]], axis=1)


def number(v):
    return repr(int(v)) if v == int(v) else repr(float(v))


def text(v):
    v = numpy.asarray(v)
    return number(v) if v.ndim == 0 else "[" + ", ".join(text(x) for x in v) + "]"


classes = logits.argmax(axis=1)
every = range(CLASSES)
rows = [("logits", logits), ("labels", labels), ("scores", scores), ("yes", yes), ("target", target),
        ("predicted", predicted), ("flat", flat), ("guessed", guessed),
        ("accuracy_", metrics.accuracy_score(labels, classes)),
        ("accuracy_yes", metrics.accuracy_score(yes, scores > 0)),
        ("top_2", metrics.top_k_accuracy_score(labels, logits, k=2, labels=every)),
        ("top_3", metrics.top_k_accuracy_score(labels, logits, k=3, labels=every)),
        ("confusion", metrics.confusion_matrix(labels, classes, labels=every)),
        ("confusion_yes", metrics.confusion_matrix(yes, scores > 0)),
        ("auc_", metrics.roc_auc_score(yes, scores)),
        ("auc_halves", metrics.roc_auc_score(yes, numpy.round(scores))),
        ("auc_constant", metrics.roc_auc_score(yes, numpy.zeros(N))),
        ("mae_", metrics.mean_absolute_error(target, predicted)),
        ("r2_", metrics.r2_score(target, predicted)),
        ("r2_first", metrics.r2_score(target[:, 0], predicted[:, 0])),
        ("r2_flat", metrics.r2_score(flat, guessed))]
for name, score in (("precision", metrics.precision_score), ("recall", metrics.recall_score),
                    ("f1", metrics.f1_score)):
    for average in (None, "macro", "micro", "weighted"):
        rows.append(("%s_%s" % (name, average or "each"),
                     score(labels, classes, labels=every, average=average, zero_division=0)))
    rows.append(("%s_yes" % name, score(yes, scores > 0)))
    rows.append(("%s_never" % name, score(yes, scores > 10, zero_division=0)))

with open(PATH, "w") as f:
    f.write("# Made by make_metrics.py with scikit-learn %s.\n" % sklearn.__version__)
    for name, value in rows:
        f.write("%s = %s\n" % (name, text(value)))
