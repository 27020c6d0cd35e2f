"""One row: the peers' settings tried in a short round, then nnrun and the best in turns."""
import nnrun
from peer import Failed
from report import cell
from rows import network as network_of
from stats import close, median, ratios, steps_for

FINALISTS = {"torch": 2}          # settings that go on to the rounds; of the others one


class Plan:
    """How long is measured: seconds of a round, rounds; whether only the best known settings are
    tried; whether it is checked that both learn."""

    def __init__(self, seconds, rounds, quick, check):
        self.seconds, self.rounds, self.quick, self.check = seconds, rounds, quick, check


def try_settings(peer, kind, row, plan, result):
    """Opens the settings of a peer, [(seconds a step, setting)] of the best; the others' times are
    noted."""
    network = network_of(row, kind)
    if not network or (kind == "debian" and not row.quick):
        return []
    names = peer.settings(network)
    if plan.quick:
        names = [row.best.get(kind, names[0])]
    names = ["malloc," + s for s in names] + ([] if plan.quick or not row.plain_malloc else names[:1])
    found = result["peers"].setdefault(peer.name, {})
    tried = []
    for setting in names:
        try:
            peer.ask(network, setting, do="open", n=1)
            n = steps_for(peer.seconds_a_step(network, setting, 1), plan.seconds / 4)
            tried.append((min(peer.seconds_a_step(network, setting, n) for _ in range(2)), setting))
            found[setting] = [1e3 * tried[-1][0]]
        except Failed as why:
            found[setting] = "failed: %s" % why
    return [(seconds, network, setting) for seconds, setting in sorted(tried)[:FINALISTS.get(kind, 1)]]


def measure(row, peers, threads, plan):
    result = {"row": row.name, "what": row.what, "unit": "ms", "goal": row.goal, "nnrun": [],
              "peers": {}, "notes": []}
    chosen = {kind: try_settings(peer, kind, row, plan, result) for kind, peer in peers.items()}
    first = nnrun.seconds_a_step(row, 1, threads, 1)
    if first < 0.05:
        first = nnrun.seconds_a_step(row, steps_for(first, 0.05), threads)
    own_steps = steps_for(first, plan.seconds)
    warm = max(1, own_steps // 5)
    times = {}
    for _ in range(plan.rounds if first < 1 else 3):
        result["nnrun"].append(1e3 * nnrun.seconds_a_step(row, own_steps, threads, warm))
        for kind, finalists in chosen.items():
            for seconds, network, setting in finalists:
                n = steps_for(seconds, plan.seconds)
                ms = 1e3 * peers[kind].seconds_a_step(network, setting, n)
                times.setdefault((kind, setting), []).append(ms)
    for (kind, setting), values in times.items():
        result["peers"][peers[kind].name][setting] = values
    best = choose(result, peers, times)
    if row.loss and plan.check and best:
        compare_losses(row, peers[best[0]], network_of(row, best[0]), best[1], threads, result)
    for kind, peer in peers.items():
        if chosen[kind]:
            peer.close(network_of(row, kind))
    return result


def choose(result, peers, times):
    """The best current peer with its best setting, (kind, setting): the lowest median. An old one
    that is faster is noted."""
    current = [k for k in times if not peers[k[0]].old]
    if not current:
        return None
    best = min(current, key=lambda k: median(times[k]))
    values = times[best]
    result["best"] = {"peer": peers[best[0]].name, "setting": best[1], "values": values}
    result["ratios"] = ratios(result["nnrun"], values)
    for kind, setting in times:
        if peers[kind].old and median(times[kind, setting]) < median(values):
            result["notes"].append("%s [%s] is faster: ratio %s" % (
                peers[kind].name, setting, cell(ratios(result["nnrun"], times[kind, setting]))))
    return best


def compare_losses(row, peer, network, setting, threads, result):
    mine = nnrun.mean_loss(row, threads)
    theirs = peer.ask(network, setting, do="loss")["loss"]
    result["losses"] = {"nnrun": mine, peer.name: theirs}
    result["learns"] = close(mine, theirs, row.band)
