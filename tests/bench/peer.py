"""The peers: where they are, how their processes are started, and what is asked of them.

A peer's process lives through all rows and waits between orders, since its import alone takes
seconds; only one process computes at a time. A setting with `malloc` runs in a process of its own,
whose allocator keeps large blocks.
"""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
WANTED = {"torch": ["numpy", "torch"], "tensorflow": ["numpy", "tensorflow-cpu"]}
KEEP_BLOCKS = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296",
               "MALLOC_TOP_PAD_": "268435456", "MALLOC_ARENA_MAX": "1"}


class Failed(Exception):
    """What a peer cannot do, in its own words."""


def environment(threads, setting):
    here = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads),
                CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="1",
                TORCHINDUCTOR_CACHE_DIR=os.path.join(TOP, "build", "bench", "inductor"),
                PYTHONDONTWRITEBYTECODE="1")
    if "malloc" in setting.split(","):
        here.update(KEEP_BLOCKS)
    return here


def command(python, peer):
    return [python, os.path.join(HERE, "worker.py"), peer]


class Worker:
    def __init__(self, python, peer, threads, setting, log):
        self.process = subprocess.Popen(
            command(python, peer), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            text=True, env=environment(threads, setting), cwd=HERE)

    def ask(self, **order):
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Failed("its process ended")
        reply = json.loads(line)
        if "error" in reply:
            raise Failed(reply["error"])
        return reply

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Peer:
    """PyTorch or TensorFlow of one Python; `name` has its version once it has been asked."""

    def __init__(self, python, kind, threads, label=None):
        self.python, self.kind, self.threads, self.key = python, kind, threads, label or kind
        self.workers = {}
        self.old = label == "debian"      # beside the current ones: no goal is a ratio to it
        self.log = open(os.path.join(TOP, "build", "bench", self.key + ".log"), "w")
        self.name = self.worker("malloc").ask(do="version")["version"]

    def worker(self, setting):
        kept = "malloc" in setting.split(",")
        if kept not in self.workers:
            self.workers[kept] = Worker(self.python, self.kind, self.threads, setting, self.log)
        return self.workers[kept]

    def settings(self, row):
        return self.worker("malloc").ask(do="settings", row=row)["settings"]

    def ask(self, row, setting, **order):
        try:
            return self.worker(setting).ask(row=row, setting=setting, **order)
        except Failed as why:
            if "its process ended" in str(why):
                self.workers.pop("malloc" in setting.split(","), None)
            raise

    def seconds_a_step(self, row, setting, n):
        return self.ask(row, setting, do="run", n=n)["seconds"] / n

    def close(self, row):
        for worker in self.workers.values():
            worker.ask(do="close", row=row)

    def stop(self):
        for worker in self.workers.values():
            worker.stop()
        self.workers = {}

    def once(self, row, setting, n):
        """A process from its start to the end of step n: seconds, and peak memory in MiB."""
        start = time.perf_counter()
        process = subprocess.Popen(
            command(self.python, self.kind) + ["--once", row, setting, str(n)], cwd=HERE,
            stdout=subprocess.PIPE, stderr=self.log, env=environment(self.threads, setting))
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if line.strip() != b"done":
            raise Failed("its process ended")
        return seconds, usage.ru_maxrss / 1024


def has(python, module):
    """Without importing it, which takes seconds."""
    look = "import importlib.util as u, sys; sys.exit(u.find_spec(sys.argv[1]) is None)"
    return subprocess.run([python, "-c", look, module]).returncode == 0


def install(folder):
    """A virtual environment with what PyPI has; what cannot be had is missing later, by name."""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    for kind, packages in WANTED.items():
        if not has(python, kind):
            print("installing %s into %s" % (" ".join(packages), folder), file=sys.stderr)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages])
    return python


def find(folder, threads, kinds):
    """Peers by kind, and what is missing in words."""
    if folder:
        python, missing = os.path.join(folder, "bin", "python"), []
        if not os.path.exists(python):
            return {}, ["PEERS=%s has no bin/python" % folder]
    else:
        python, missing = install(os.path.join(TOP, "build", "peers")), []
    found = {}
    for kind in kinds:
        label, use = (kind, python) if kind != "debian" else ("debian", "/usr/bin/python3")
        module = "torch" if kind == "debian" else kind
        if not os.path.exists(use) or not has(use, module):
            missing.append("%s: no module %s in %s" % (label, module, use))
            continue
        try:
            found[label] = Peer(use, module, threads, label)
        except Failed as why:
            missing.append("%s: %s, see build/bench/%s.log" % (label, why, label))
    return found, missing
