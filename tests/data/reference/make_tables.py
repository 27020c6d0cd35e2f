#!/usr/bin/python3
"""Writes a table with gaps, tests/data/csv/measures.csv, and beside it what NumPy makes of its
columns: means in place of the gaps, standardised, brought to 0..1, categories as columns.

    /usr/bin/python3 tests/data/reference/make_tables.py

The fit is on the first 30 rows; the figures are of all 40. Made with NumPy 1.24.2.
"""
import csv
import os
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
N, FIT = 40, 30
rng = np.random.default_rng(7)

length = np.round(rng.normal(50, 12, N), 2)
weight = np.round(rng.lognormal(3, 1, N), 3)
count = rng.integers(0, 9, N)
city = rng.choice(["Ulm", "Köln", "Aachen, West"], N)
length[[3, 17, 35]] = np.nan

with open(os.path.join(HERE, "../csv/measures.csv"), "w", newline="", encoding="utf-8") as f:
    out = csv.writer(f)
    out.writerow(["length", "weight", "count", "city"])
    for i in range(N):
        out.writerow(["" if np.isnan(length[i]) else length[i], weight[i], count[i], city[i]])

filled = np.where(np.isnan(length), np.nanmean(length[:FIT]), length)
numbers = np.stack([filled, weight, count], axis=1)
names = sorted(set(city))
one_hot = np.array([[float(c == name) for name in names] for c in city])
fit = numbers[:FIT]
standardised = (numbers - fit.mean(axis=0)) / fit.std(axis=0)
normalised = (numbers - fit.min(axis=0)) / (fit.max(axis=0) - fit.min(axis=0))


def rows(a):
    return "[" + ", ".join("[" + ", ".join("%.9g" % v for v in row) + "]" for row in a) + "]"


with open(os.path.join(HERE, "tables.txt"), "w") as f:
    f.write("# Of the columns of tests/data/csv/measures.csv. Made by make_tables.py with NumPy %s.\n"
            % np.__version__)
    f.write("standardised = %s\n" % rows(np.concatenate([standardised, one_hot], axis=1)))
    f.write("normalised = %s\n" % rows(np.concatenate([normalised, one_hot], axis=1)))
