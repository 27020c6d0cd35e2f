#!/usr/bin/env python3
"""Puts the last run's table into README.md, between its two marks: fill.py [build/bench/bench.json]"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import machine
import report

BEGIN, END = "<!-- figures: fill.py writes them -->\n", "<!-- end of figures -->"


def main():
    with open(sys.argv[1] if len(sys.argv) > 1 else os.path.join(machine.BUILT, "bench.json")) as file:
        found = json.load(file)
    path = os.path.join(HERE, "README.md")
    with open(path) as file:
        before, rest = file.read().split(BEGIN)
    with open(path, "w") as file:
        file.write(before + BEGIN + "\n" + report.document(found) + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
