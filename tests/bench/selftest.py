#!/usr/bin/env python3
"""The benchmark without peers and without a clock: see tests/check/bench.sh."""
import ast
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
os.environ.setdefault("NNRUN_DATA", os.path.join(HERE, "..", "..", "..", "shared", "data"))
import bench
import nnrun
import report
import rounds
import rows
import stats


def classes(peer, module):
    """Names of the classes of peers/<peer>_<module>.py, which may import what is not here."""
    with open(os.path.join(HERE, "peers", "%s_%s.py" % (peer, module))) as file:
        return {n.name for n in ast.parse(file.read()).body if isinstance(n, ast.ClassDef)}


def check_table():
    names = [r.name for r in bench.every_row()]
    assert len(set(names)) == len(names), "two rows of one name"
    for row in rows.ROWS:
        assert bool(row.each) != bool(row.whole) and row.what and row.goal > 0, row.name
        assert ("KEEP" in row.each and "FETCH" in row.each) == bool(row.loss), row.name
        for peer in ("torch", "tensorflow"):
            if rows.network(row, peer):
                module, name = rows.network(row, peer).split(".")
                assert name in classes(peer, module), "%s: no %s" % (row.name, name)
    assert [r.name for r in bench.every_row() if bench.asked_for(r, ["deep"])] == ["deep"]
    assert len([r for r in bench.every_row() if bench.asked_for(r, ["infer"])]) == 3


def check_arithmetic():
    assert [stats.digits(x) for x in (0.00123, 0.0123, 0.5, 1.234, 12.34, 123.4, 0)] == [
        "0.00123", "0.0123", "0.500", "1.23", "12.3", "123", "0.00000"]
    assert stats.ratios([1, 2, 6], [2, 2, 3]) == [0.5, 1, 2]
    assert stats.close(0.40, 0.45, 0.2) and not stats.close(0.4, 0.6, 0.2)
    assert not stats.close(float("nan"), float("nan"), 0.2)
    assert stats.steps_for(0.02, 0.6) == 30 and stats.steps_for(0.3, 0.6) == 3 and stats.steps_for(9, 0.6) == 1
    # a recorded row: two settings of one peer, one of another
    result = {"row": "r", "what": "r", "unit": "ms", "goal": 0.5, "nnrun": [10, 12, 11],
              "peers": {}, "notes": []}

    class Peer:
        name, old = "P 1", False

    class Old:
        name, old = "P 0", True
    times = {("torch", "a"): [20, 21, 22], ("torch", "b"): [30, 18, 31],
             ("tensorflow", "c"): [40, 41, 42], ("debian", "d"): [5, 6, 5]}
    rounds.choose(result, {"torch": Peer, "tensorflow": Peer, "debian": Old}, times)
    assert "P 0 [d] is faster: ratio 2.00 (2.00..2.20)" in result["notes"]
    assert result["best"]["setting"] == "a"
    assert stats.median(result["ratios"]) == 0.5
    assert "| 0.500 | met |" in report.markdown([result])


def check_scripts():
    for row in rows.ROWS:
        if bench.has_data(row.data):
            assert nnrun.seconds_a_step(row, 2, 2, 0) > 0, row.name


check_table()
check_arithmetic()
check_scripts()
