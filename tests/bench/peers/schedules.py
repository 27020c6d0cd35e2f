"""Learning rates as functions of the step, as stdlib/schedules.nn has them."""
import math


def cosine(initial, steps):
    return lambda t: initial * 0.5 * (1 + math.cos(math.pi * min(t / steps, 1)))


def warmup(steps, after):
    peak = after if callable(after) else lambda t: after
    return lambda t: peak(max(t - steps, 0)) * min((t + 1) / steps, 1)
