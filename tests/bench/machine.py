"""The machine: whether it is free, what it is, and its plain C loops (machine.c)."""
import os
import platform
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILT = os.path.join(TOP, "build", "bench")
FREE = 1.9                # two threads give at least so many times one's multiply-adds
FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-std=gnu11", "-pthread"]


def build():
    os.makedirs(BUILT, exist_ok=True)
    program = os.path.join(BUILT, "machine")
    source = os.path.join(HERE, "machine.c")
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        subprocess.run([os.environ.get("CC", "gcc"), *FLAGS, "-o", program, source, "-lm"],
                       check=True)
    return program


def ask(*arguments):
    out = subprocess.run([build(), *map(str, arguments)], check=True, capture_output=True,
                         text=True).stdout
    return [float(word) for word in out.split()]


def check(threads):
    """Multiply-adds of one thread and of all, 1e9 a second, and how many times more the second is."""
    one, all_of_them = ask("fma", threads)
    return {"one": one, "all": all_of_them, "times": all_of_them / one, "threads": threads,
            "free": all_of_them / one >= FREE / 2 * threads}


def words(check):
    return "one thread %.1f, %d threads %.1f e9 multiply-adds a second: %.2f times" % (
        check["one"], check["threads"], check["all"], check["times"])


def optimizer_loop(what, elements, threads, times):
    """Milliseconds of one update by a loop in C, median."""
    return ask(what, elements, threads, times)[0]


def description():
    name = platform.processor()
    try:
        with open("/proc/cpuinfo") as lines:
            name = next(l.split(":", 1)[1].strip() for l in lines if l.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return "%s, %d processors" % (name, os.cpu_count() or 1)
