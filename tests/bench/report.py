"""What bench.py found, as a table on the terminal, in Markdown and as JSON."""
import json
import os

from stats import digits, spread


def cell(values, unit=""):
    """Median and range of rounds."""
    from stats import median
    return "%s%s (%s)" % (digits(median(values)), unit, spread(values))


def losses(result):
    if "losses" not in result:
        return ""
    shown = " / ".join("%.4f" % result["losses"][k] for k in result["losses"])
    return shown + ("" if result["learns"] else " DIFFER")


def line(result):
    """Cells: what, nnrun, the best peer and its setting, ratio, goal, losses."""
    ours = cell(result["nnrun"])
    best = result.get("best")
    theirs = "-" if not best else "%s %s" % (cell(best["values"]), best["peer"])
    if best and best.get("setting"):
        theirs += " [%s]" % best["setting"]
    ratio = "-" if not best else cell(result["ratios"])
    met = ""
    if result.get("goal") is not None and best:
        from stats import median
        met = "met" if met_goal(result, median(result["ratios"])) else "missed"
        met = "%s %s" % (digits(result["goal"]), met)
    return [result["what"], result["unit"], ours, theirs, ratio, met, losses(result)]


def met_goal(result, ratio):
    return ratio >= result["goal"] if result.get("more_is_better") else ratio <= result["goal"]


HEAD = ["row", "unit", "nnrun", "best peer", "ratio", "goal", "loss after 200 steps"]


def markdown(results):
    rows = [HEAD, ["---"] * len(HEAD)] + [line(r) for r in results]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def others(result):
    """The peers and settings that were not the best, a line each."""
    lines = []
    for peer, found in result.get("peers", {}).items():
        for setting, values in found.items():
            lines.append("    %s [%s] %s" % (peer, setting, values if isinstance(values, str)
                                             else cell(values)))
    return lines


def text(result):
    row, unit, ours, theirs, ratio, goal, loss = line(result)
    lines = ["%s (%s)" % (row, unit), "    nnrun %s  best peer %s" % (ours, theirs),
             "    ratio %s  goal %s%s" % (ratio, goal or "-", "  loss " + loss if loss else "")]
    return "\n".join(lines + others(result) + ["    ! " + n for n in result.get("notes", [])])


def write(folder, report):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "bench.json"), "w") as file:
        json.dump(report, file, indent=1)
    with open(os.path.join(folder, "bench.md"), "w") as file:
        file.write(heading(report) + "\n" + markdown(report["results"]) + footing(report))


def heading(report):
    return "\n".join("%s  " % line for line in report["about"]) + "\n"


def footing(report):
    notes = ["- %s: %s" % (r["what"], n) for r in report["results"] for n in r.get("notes", [])]
    return "\n" + "\n".join(notes + ["- left out: " + s for s in report["skipped"]]) + "\n"
