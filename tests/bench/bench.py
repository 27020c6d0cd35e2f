#!/usr/bin/env python3
"""nnrun beside PyTorch and TensorFlow: `make bench`. See README.md here.

    bench.py [--quick] [--only WORD] [--peers FOLDER] [--threads 2] [--out build/bench]
"""
import argparse
import datetime
import functools
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import machine
import measures
import nnrun
import peer
import report
import rounds
import rows

DATA_FOLDERS = {"mnist": ["MNIST_data", "mnist"], "fashion": ["fashion-mnist"],
                "cifar10": ["cifar-10-batches-bin", "cifar10"]}


def has_data(kind):
    root = os.environ["NNRUN_DATA"]
    return not kind or any(os.path.isdir(os.path.join(root, f)) for f in DATA_FOLDERS[kind])


def every_row():
    return rows.ROWS + measures.MEASURES


def asked_for(row, words):
    """A word is a row's name, or where no row has that name part of a name or a description."""
    names = {r.name for r in every_row()}
    return any(w == row.name if w in names else w in row.name + " " + row.what for w in words)


def wanted(options):
    words = options.only.split(",") if options.only else []
    if words:
        return [r for r in every_row() if asked_for(r, words)]
    return [r for r in every_row() if r.quick or not options.quick]


def measure_all(options, peers, report_of):
    """Row after row; what there is so far is written down behind each, since a run is long."""
    plan = rounds.Plan(options.seconds, options.rounds, options.quick, not options.unchecked)
    found, skipped = report_of["results"], report_of["skipped"]
    for row in wanted(options):
        if not has_data(row.data):
            skipped.append("%s: no %s in %s" % (row.name, row.data, os.environ["NNRUN_DATA"]))
            continue
        measure = row.run if isinstance(row, measures.Measure) else functools.partial(
            rounds.measure, row)
        try:
            new = measure(peers, options.threads, plan)
        except (RuntimeError, ValueError, peer.Failed) as why:
            skipped.append("%s: %s" % (row.name, why))
            print("%s: %s" % (row.name, why), flush=True)
            continue
        for one in new if isinstance(new, list) else [new]:
            found.append(one)
            print(report.text(one), flush=True)
        report.write(options.out, report_of)


def about(options, peers, checks):
    lines = ["%s; %s; %d threads; nnrun %s; peers: %s" % (
        datetime.date.today(), machine.description(), options.threads, nnrun.version(),
        ", ".join(p.name for p in peers.values()) or "none")]
    lines += ["machine %s: %s" % (when, machine.words(c)) for when, c in checks.items()]
    if not all(c["free"] for c in checks.values()):
        lines.append("**void: two threads do not give %.1f times one's rate; others use the machine**"
                     % machine.FREE)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows, the best known settings")
    parser.add_argument("--only", default="", help="rows whose name or text has one of these words")
    parser.add_argument("--kinds", default="", help="of peers: torch,tensorflow,debian")
    parser.add_argument("--peers", default="", help="a virtual environment that has the peers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a round, each side")
    parser.add_argument("--unchecked", action="store_true", help="do not look whether both learn")
    parser.add_argument("--out", default=os.path.join(machine.BUILT))
    options = parser.parse_args()
    os.environ.setdefault("NNRUN_DATA", os.path.join(machine.TOP, "..", "shared", "data"))
    os.makedirs(machine.BUILT, exist_ok=True)
    before = machine.check(options.threads)
    print("machine: " + machine.words(before), flush=True)
    kinds = options.kinds or ("torch" if options.quick else "torch,tensorflow,debian")
    peers, missing = peer.find(options.peers, options.threads, kinds.split(","))
    for m in missing:
        print("missing: " + m, flush=True)
    checks = {"before": before}
    report_of = {"about": about(options, peers, checks), "results": [], "skipped": missing}
    measure_all(options, peers, report_of)
    for p in peers.values():
        p.stop()
    checks["after"] = machine.check(options.threads)
    report_of["about"] = about(options, peers, checks)
    report.write(options.out, report_of)
    print("\n" + report.document(report_of), end="")


if __name__ == "__main__":
    main()
