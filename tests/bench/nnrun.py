"""nnrun's side of a row: a script of models/ up to its training loop, then steps by the clock.

What is timed is what a user has: the batch, the interpreter, the checks, the step. The clock is the
language's own, seconds(); start and first steps are before it.
"""
import os
import re
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("NNRUN", os.path.join(TOP, "build", "nnrun"))


def head(row):
    """The model's script up to the line that matches row.until, all of it without one."""
    if not row.script:
        return ""
    with open(os.path.join(TOP, "models", row.script)) as file:
        text = file.read()
    if row.until:
        at = re.search("^" + row.until, text, re.MULTILINE)
        if not at:
            raise ValueError("%s has no line %r" % (row.script, row.until))
        text = text[:at.start()]
    return text + "\n"


def loop(row, steps, fetch=""):
    lines = [row.each.replace("FETCH", fetch).replace("KEEP ", "kept = kept + " if fetch else "")]
    return "for bench_step in range(%d) {\n  %s\n}\n" % (steps, "\n  ".join(lines))


def run(script, threads, arguments=(), cwd=None):
    """Standard output of a script; fails with nnrun's own words."""
    command = [BINARY, "--quiet", "--seed", "1", "--threads", str(threads), "-", *arguments]
    done = subprocess.run(command, input=script, text=True, capture_output=True,
                          cwd=cwd or os.path.join(TOP, "models"))
    if done.returncode:
        raise RuntimeError("nnrun: " + (done.stderr.strip().split("\n") or ["?"])[0])
    return done.stdout


def seconds_a_step(row, steps, threads, warm=3):
    if row.whole:
        return float(run(head(row) + row.whole, threads, row.arguments).split()[-1])
    text = (head(row) + row.before + "\n" + loop(row, warm) + "bench_began = seconds()\n" +
            loop(row, steps) + "print(seconds() - bench_began)\n")
    return float(run(text, threads, row.arguments).split()[-1]) / steps


def mean_loss(row, threads):
    """Over steps 180 to 199, each before what it changes."""
    text = (head(row) + row.before + "\n" + loop(row, 180) + "kept = 0\n" +
            loop(row, 20, row.loss + ", ") + "print(kept / 20)\n")
    return float(run(text, threads, row.arguments).split()[-1])


def version():
    out = subprocess.run([BINARY, "version"], capture_output=True, text=True).stdout
    return (out.strip().split("\n") or ["?"])[0].removeprefix("nnrun ")
