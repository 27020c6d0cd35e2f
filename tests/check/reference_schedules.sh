#!/bin/sh
# Schedules against PyTorch's figures, on the host and in the graph.
. "$(dirname "$0")/reference.bash"

{
    cat "$data/schedules.txt"
    cat <<'END'
placeholder step: float
fn hold(what, schedule) {
  in_graph = schedule(step)
  for i in range(len(figures[what])) {
    wanted = figures[what][i]
    assert(abs(schedule(i) - wanted) < 1e-12, "{what}: {schedule(i)} at step {i} is not {wanted}")
    ours = in_graph.eval(step=i)
    assert(abs(ours - wanted) < 2e-7, "{what}: {ours} at step {i} of the graph is not {wanted}")
  }
}
hold("constant_rate", constant_rate(0.1))
hold("step_decay", step_decay(0.1, rate=0.3, every=4))
hold("piecewise_constant", piecewise_constant([3, 4, 9], [0.1, 0.05, 0.025, 0.0125]))
hold("exponential_decay", exponential_decay(0.1, 0.9))
hold("linear_decay", linear_decay(0.1, steps=10, final=0.02))
hold("polynomial_decay", polynomial_decay(0.1, steps=10, power=2.5))
hold("cosine_decay", cosine_decay(0.1, steps=12, final=0.01))
hold("cosine_restarts", cosine_decay(0.1, steps=7, final=0.01, restarts=true))
hold("cosine_growing", cosine_decay(0.1, steps=3, restarts=true, growth=2))
hold("cosine_tripled", cosine_decay(0.1, steps=1, restarts=true, growth=3))
hold("one_cycle", one_cycle(0.1, steps=30))
hold("one_cycle_settings", one_cycle(0.1, steps=30, rise=0.4, start=0.01, final=0.002))
hold("one_cycle_momentum", one_cycle(0.85, steps=30, start=0.95, final=0.95))
hold("linear_warmup", linear_warmup(5, constant_rate(0.1)))
hold("inverse_sqrt_decay", inverse_sqrt_decay(1 / sqrt(640), warmup=10))
END
} | holds schedules
