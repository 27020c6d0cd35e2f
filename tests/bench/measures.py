"""What is no plain row of steps: start, memory, threads, optimizers, growth with batch and graph."""
import dataclasses
import os
import subprocess
import time

import machine
import nnrun
import rows
from peer import Failed
from stats import digits, median, ratios, steps_for

DEEP = next(r for r in rows.ROWS if r.name == "deep")


@dataclasses.dataclass
class Measure:
    name: str
    what: str
    run: object                # (peers, threads, plan) -> a result, or a list of them
    quick: bool = False
    data: str = "mnist"


def result(name, what, unit, goal, **more):
    return dict({"row": name, "what": what, "unit": unit, "goal": goal, "nnrun": [], "peers": {},
                 "notes": []}, **more)


def best_of(found, peers):
    """Of the current peers' values by name and setting the lowest median."""
    current = [p.name for p in peers.values() if not p.old and p.name in found]
    every = [(median(v), p, s, v) for p in current for s, v in found[p].items()
             if isinstance(v, list)]
    if not every:
        return {}
    _, peer, setting, values = min(every)
    return {"peer": peer, "setting": setting, "values": values}


def process(text, threads, arguments=()):
    """nnrun from its start to its first line of output: seconds, and peak memory in MiB."""
    command = [nnrun.BINARY, "--quiet", "--seed", "1", "--threads", str(threads), "-", *arguments]
    start = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL,
                             cwd=os.path.join(nnrun.TOP, "models"))
    child.stdin.write(text.encode())
    child.stdin.close()
    line = child.stdout.readline()
    seconds = time.perf_counter() - start
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode or not line:
        raise RuntimeError("nnrun ended with status %d" % child.returncode)
    return seconds, usage.ru_maxrss / 1024


def whole_processes(name, what, unit, goal, which, steps, settings, peers, threads, plan):
    out = result(name, what, unit, goal)
    text = nnrun.head(DEEP) + nnrun.loop(DEEP, steps) + 'print("done")\n'
    for _ in range(2 if plan.quick else 3):
        out["nnrun"].append(process(text, threads)[which])
        for kind, peer in peers.items():
            network = rows.network(DEEP, kind)
            for setting in settings.get(peer.kind, []) if network else []:
                found = out["peers"].setdefault(peer.name, {})
                if isinstance(found.get(setting), str):
                    continue
                try:
                    found.setdefault(setting, []).append(peer.once(network, setting, steps)[which])
                except Failed as why:
                    found[setting] = "failed: %s" % why
    best = best_of(out["peers"], peers)
    if best:
        out.update(best=best, ratios=ratios(out["nnrun"], best["values"]))
    return out


def start(peers, threads, plan):
    settings = {"torch": ["channels_last,foreach"], "tensorflow": ["plain"]}
    return whole_processes("start", "start of the process to the end of the first step", "s", 0.03, 0,
                           1, settings, peers, threads, plan)


def memory(peers, threads, plan):
    settings = {"torch": ["channels_last,foreach", "bytes,channels_last,foreach"],
                "tensorflow": ["plain", "bytes"]}
    return whole_processes("memory", "peak memory in training", "MiB", 0.2, 1, 20, settings, peers,
                           threads, plan)


def scaling(peers, threads, plan):
    """Not against a peer: one thread against all, so that more is better."""
    out = result("threads", "deep MNIST step, one thread's time over that of %d" % threads, "ms", 1.9,
                 more_is_better=True)
    n = steps_for(nnrun.seconds_a_step(DEEP, 5, threads), 2 * plan.seconds)
    alone = []
    for _ in range(plan.rounds):
        out["nnrun"].append(1e3 * nnrun.seconds_a_step(DEEP, n, threads))
        alone.append(1e3 * nnrun.seconds_a_step(DEEP, n, 1))
    out["best"] = {"peer": "nnrun", "setting": "1 thread", "values": alone}
    out["ratios"] = ratios(alone, out["nnrun"])
    return out


ELEMENTS = 3274634             # as the deep network has


def optimizers(peers, threads, plan):
    """Steps of sum(w * g) by w: loss, check, update, against the same in C, two loops."""
    found = []
    for what in ("adam", "momentum"):
        row = rows.Row(what, "", before="variable w = random_normal([%d])\n"
                       "variable g = random_normal([%d]), trainable=false\n"
                       "optimizer step = %s(1e-3).minimize(sum(w * g))" % (ELEMENTS, ELEMENTS, what),
                       each="step.run()")
        out = result(what, "%s in the language, %d elements, against loops in C" % (what, ELEMENTS),
                     "ms", 1.0)
        loop = []
        for _ in range(plan.rounds):
            out["nnrun"].append(1e3 * nnrun.seconds_a_step(row, 60, threads))
            loop.append(machine.optimizer_loop(what, ELEMENTS, threads, 6))
        out["best"] = {"peer": "C", "setting": "", "values": loop}
        out["ratios"] = ratios(out["nnrun"], loop)
        found.append(out)
    return found


GRAPH = """
bench_began = seconds()
placeholder x: float[batch, 32]
h = x
for i in range(%d) { h = h |> dense(32) |> tanh }
loss cost = mean(h * h)
optimizer step = gradient_descent(1e-3).minimize(cost)
data = random_normal([16, 32]).eval()
step.run(x=data)
print(seconds() - bench_began)
bench_began = seconds()
for i in range(%d) { step.run(x=data) }
print(seconds() - bench_began)
"""
LAYERS = (7, 70, 700)          # about 10^2, 10^3 and 10^4 nodes with gradients and updates


def graphs(peers, threads, plan):
    found, build = [], []
    for layers in LAYERS:
        steps = max(10, 20000 // layers)
        out = result("graph-%d" % layers, "graph of %d small dense layers, a step" % layers, "ms", None)
        build.append([])
        network = "graphs.Layers%d" % layers
        for kind, peer in peers.items():
            for setting in graph_settings(kind, layers):
                open_graph(peer, network, setting, out)
        for _ in range(max(3, plan.rounds // 2)):
            made, ran = map(float, nnrun.run(GRAPH % (layers, steps), threads).split())
            build[-1].append(1e3 * made)
            out["nnrun"].append(1e3 * ran / steps)
            for peer in peers.values():
                for setting, values in out["peers"].get(peer.name, {}).items():
                    if isinstance(values, list):
                        values.append(1e3 * peer.seconds_a_step(network, setting, max(3, steps // 10)))
        best = best_of(out["peers"], peers)
        if best:
            out.update(best=best, ratios=ratios(out["nnrun"], best["values"]))
        out["notes"].append("build, plan and first step %s ms, %s us a layer; a step %s us a layer" % (
            digits(median(build[-1])), digits(1e3 * median(build[-1]) / layers),
            digits(1e3 * median(out["nnrun"]) / layers)))
        found.append(out)
        for peer in peers.values():
            peer.close(network)
    return found


def graph_settings(kind, layers):
    """torch.compile and XLA take minutes for 10^4 nodes."""
    if kind == "tensorflow":
        return ["malloc,plain"]
    return ["malloc,one_thread,foreach"] + (["malloc,compile,foreach"] if layers < 50 and
                                            kind == "torch" else [])


def open_graph(peer, network, setting, out):
    start = time.perf_counter()
    try:
        peer.ask(network, setting, do="open", n=1)
        out["peers"].setdefault(peer.name, {})[setting] = []
        out["notes"].append("%s [%s]: made, with a first step, in %s s" % (
            peer.name, setting, digits(time.perf_counter() - start)))
    except Failed as why:
        out["peers"].setdefault(peer.name, {})[setting] = "failed: %s" % why


MEASURES = [
    Measure("start", "start of the process", start, quick=True),
    Measure("memory", "peak memory", memory, quick=True),
    Measure("threads", "one thread against all", scaling, quick=True),
    Measure("optimizers", "adam momentum", optimizers, data=""),
    Measure("graph", "graphs of 10^2 to 10^4 nodes", graphs, data=""),
]
