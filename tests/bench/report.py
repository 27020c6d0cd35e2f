"""What bench.py found: as text for the terminal, in Markdown and as JSON."""
import json
import os

from stats import digits, median, spread

HEAD = ["row", "", "nnrun", "best peer", "its setting", "ratio", "goal", "", "loss: nnrun, peer"]


def cell(values):
    """The median of rounds, and their range."""
    return "%s (%s)" % (digits(median(values)), spread(values))


def meets(result):
    ratio = median(result["ratios"])
    return ratio >= result["goal"] if result.get("more_is_better") else ratio <= result["goal"]


def losses(result):
    if "losses" not in result:
        return ""
    shown = ", ".join("%.4g" % loss for loss in result["losses"].values())
    return shown + ("" if result["learns"] else " **differ**")


def line(result):
    """The cells of a row, in the order of HEAD."""
    best, goal = result.get("best"), result.get("goal")
    cells = [result["what"], result["unit"], cell(result["nnrun"])]
    if not best:
        return cells + ["none", "", "", "", "", losses(result)]
    verdict = "" if goal is None else "met" if meets(result) else "**missed**"
    return cells + ["%s %s" % (best["peer"], cell(best["values"])), best["setting"],
                    cell(result["ratios"]), digits(goal) if goal else "", verdict, losses(result)]


def markdown(results):
    rows = [HEAD, ["---"] * len(HEAD)] + [line(r) for r in results]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def settings(result):
    """Every peer and setting that was tried: [(peer, setting, times or why it failed)]."""
    return [(peer, setting, values if isinstance(values, str) else cell(values))
            for peer, found in result["peers"].items() for setting, values in found.items()]


def text(result):
    what, unit, ours, theirs, setting, ratio, goal, verdict, loss = line(result)
    lines = ["%s (%s)" % (what, unit),
             "    nnrun %s  %s [%s]  ratio %s  goal %s %s  loss %s" % (
                 ours, theirs, setting, ratio or "-", goal or "-", verdict, loss or "-")]
    lines += ["        %s [%s] %s" % tried for tried in settings(result)]
    return "\n".join(lines + ["    ! " + note for note in result["notes"]])


def document(report):
    """What goes into the README: about, the table, what else is to be said."""
    notes = ["- %s: %s" % (r["what"], n) for r in report["results"] for n in r["notes"]]
    notes += ["- left out: " + s for s in report["skipped"]]
    about = "".join(line + "  \n" for line in report["about"])
    return "\n".join([about, markdown(report["results"])] + notes) + "\n"


def write(folder, report):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "bench.json"), "w") as file:
        json.dump(report, file, indent=1)
    with open(os.path.join(folder, "bench.md"), "w") as file:
        file.write(document(report) + "\n" + tried(report))


def tried(report):
    """All settings, for whoever wants to know how the best was found."""
    rows = ["| row | peer | setting | ms |", "| --- | --- | --- | --- |"]
    for result in report["results"]:
        rows += ["| %s | %s | %s | %s |" % (result["what"], *t) for t in settings(result)]
    return "\n".join(rows) + "\n"
