#!/bin/sh
# Twenty steps of each of the library's optimizers against PyTorch's figures, or the paper's
# algorithm's.
. "$(dirname "$0")/reference.bash"

program() {
    cat "$data/optimizers.txt"
    cat <<'END'
placeholder gradient: DTYPE[9]
placeholder wanted: DTYPE[9]
variable W: DTYPE[2, 3] = reshape(constant(w[0:6], dtype=DTYPE), [2, 3])
variable b: DTYPE[3] = constant(w[6:9], dtype=DTYPE)
both = concat([reshape(W, [6]), b], axis=0)
loss cost = sum(gradient * both) + sum(both * both) / 8
away = max(abs(both - wanted))
fn hold(what, optimizer_, bound=TOLERANCE) {
  initialize_all_variables()
  step = optimizer_.minimize(cost)
  k = 0
  for t in range(20) {
    step.run(gradient=g[t])
    if kept[k] == t + 1 {
      worst = away.eval(wanted=figures[what][k])
      assert(worst < bound, "{what}: step {t + 1} differs by {worst:g}")
      k = k + 1
    }
  }
  assert(k == len(kept))
}
fn is_matrix(v) = v.rank > 1
l2 = weight_decay(0.2)
hold("gradient_descent", gradient_descent(0.1))
hold("gradient_descent_decay", l2 >> gradient_descent(0.1))
hold("momentum", momentum(0.1))
hold("momentum_decay", l2 >> momentum(0.1, momentum=0.6))
hold("nesterov", nesterov(0.1))
hold("nesterov_decay", l2 >> nesterov(0.1, momentum=0.6))
hold("adagrad", adagrad())
a_float = maximum(TOLERANCE, 1e-7)    # what a schedule gives is a float, as is PyTorch's product in nadam
falling = fn (step) -> 0.2 / (1 + 0.1 * step)
hold("adagrad_settings", l2 >> adagrad(falling, initial=0.5, epsilon=1e-2), a_float)
hold("rmsprop", rmsprop())
hold("rmsprop_momentum", l2 >> rmsprop(0.02, rho=0.8, momentum=0.7))
hold("rmsprop_centered", rmsprop(0.02, rho=0.9, epsilon=1e-3, centered=true))
hold("rmsprop_both", rmsprop(0.02, rho=0.9, epsilon=1e-3, centered=true, momentum=0.5))
hold("adadelta", adadelta())
hold("adadelta_settings", l2 >> adadelta(0.5, rho=0.8, epsilon=1e-4))
hold("adam", adam(0.1, epsilon=0.0))
hold("adam_decay", l2 >> adam(0.1, beta1=0.8, beta2=0.9, epsilon=0.0))
hold("amsgrad", amsgrad(0.1))
hold("amsgrad_settings", l2 >> amsgrad(0.1, beta1=0.7, beta2=0.6, epsilon=1e-2))
hold("adamw", adamw())
hold("adamw_settings", adamw(0.1, beta1=0.8, beta2=0.9, epsilon=1e-2, weight_decay=0.3))
hold("adamw_matrices", adamw(0.1, weight_decay=0.3, decays=is_matrix))
hold("adamw_scheduled", adamw(fn (step) -> 0.1 / (1 + step), weight_decay=0.3), a_float)
hold("nadam", nadam(), a_float)
hold("nadam_settings", l2 >> nadam(0.1, beta1=0.8, beta2=0.9, epsilon=1e-2, momentum_decay=0.1), a_float)
hold("lamb", lamb())
hold("lamb_settings", lamb(0.1, beta1=0.8, beta2=0.9, epsilon=1e-2, weight_decay=0.3))
hold("lion", lion())
hold("lion_settings", lion(0.1, beta1=0.8, beta2=0.9, weight_decay=0.3))
END
}

# float: 1 - beta2 ** t has lost three digits at the first steps
for case in 'float64 1e-11' 'float 1e-5'; do
    set -- $case
    program | sed "s/DTYPE/$1/g; s/TOLERANCE/$2/" | holds "$1"
done
