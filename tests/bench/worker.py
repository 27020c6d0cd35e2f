"""A peer's process: it trains and answers when it is told so, a line of JSON for each.

    worker.py torch|tensorflow                       lines from standard input until it ends
    worker.py torch|tensorflow --once ROW SETTING N  N steps; "done" is printed behind the last

{"do": "open", "row": "images.MnistDeep", "setting": "fused"} makes a network; the answers to
{"do": "run", .., "n": 10} have the seconds that 10 steps took, those to {"do": "loss", ..} the mean
loss of steps 180 to 199. "version" and "settings" (of a row, the best known first) tell what is here.
Standard output belongs to the answers: what libraries print goes to standard error.
"""
import gc
import importlib
import json
import os
import signal
import sys
import time

LONGEST = 120          # seconds in which a network is made and, where that is asked, compiled


def too_long(number, frame):
    raise TimeoutError("not ready in %d s" % LONGEST)


def task_class(peer, row):
    module, name = row.split(".")
    return getattr(importlib.import_module("peers.%s_%s" % (peer, module)), name)


def answer(peer, tasks, ask):
    do, key = ask["do"], (ask.get("row"), ask.get("setting"))
    if do == "version":
        return {"version": importlib.import_module("peers.%s_common" % peer).version()}
    if do == "settings":
        common = importlib.import_module("peers.%s_common" % peer)
        return {"settings": common.settings_of(task_class(peer, ask["row"]))}
    if do == "open":
        signal.alarm(LONGEST)
        try:
            tasks[key] = task_class(peer, ask["row"])(ask["setting"])
            tasks[key].run(ask["n"])
        finally:
            signal.alarm(0)
        gc.collect()
        return {}
    if do == "run":
        start = time.perf_counter()
        tasks[key].run(ask["n"])
        return {"seconds": time.perf_counter() - start}
    if do == "loss":
        return {"loss": tasks[key].mean_loss()}
    if do == "close":
        for old in [k for k in tasks if k[0] == ask["row"]]:
            del tasks[old]
        if peer == "torch":
            importlib.import_module("peers.torch_common").forget()
        gc.collect()
        return {}
    raise ValueError("no such order: %s" % do)


def main():
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = sys.argv[1]
    if len(sys.argv) == 6 and sys.argv[2] == "--once":
        task_class(peer, sys.argv[3])(sys.argv[4]).run(int(sys.argv[5]))
        print("done", file=out, flush=True)
        return
    signal.signal(signal.SIGALRM, too_long)
    tasks = {}
    for line in sys.stdin:
        try:
            reply = answer(peer, tasks, json.loads(line))
        except Exception as e:
            reply = {"error": "%s: %s" % (type(e).__name__, str(e).strip().split("\n")[0][:200])}
        print(json.dumps(reply), file=out, flush=True)


if __name__ == "__main__":
    main()
