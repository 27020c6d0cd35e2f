"""Medians, ranges and ratios of interleaved rounds."""
import statistics


def median(values):
    return statistics.median(values)


def ratios(ours, theirs):
    """Round by round, so that a drift of the machine is in both sides of each."""
    return [a / b for a, b in zip(ours, theirs)]


def summary(values):
    return {"median": statistics.median(values), "low": min(values), "high": max(values),
            "rounds": list(values)}


def digits(x):
    """Three figures that count, without an exponent: 0.00123, 0.0123, 1.23, 12.3, 123, 1234."""
    if x is None:
        return "-"
    size = abs(x)
    for places, limit in ((0, 99.95), (1, 9.995), (2, 0.9995), (3, 0.09995), (4, 0.009995)):
        if size >= limit:
            return "%.*f" % (places, x)
    return "%.5f" % x


def spread(values):
    return "%s..%s" % (digits(min(values)), digits(max(values)))


def close(a, b, band):
    """Whether two losses differ by at most the share `band` of the larger, or by 0.01."""
    return a == a and b == b and abs(a - b) <= max(band * max(abs(a), abs(b)), 0.01)


def steps_for(seconds_a_step, target_seconds, high=20000):
    """How many steps fill a round of about so many seconds: three at least, or one that is long."""
    low = 1 if seconds_a_step > target_seconds else 3
    return max(low, min(high, round(target_seconds / max(seconds_a_step, 1e-7))))
