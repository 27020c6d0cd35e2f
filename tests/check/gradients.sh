#!/bin/bash
# `nnrun check` holds the gradients that a script gives its functions against finite differences.
. "$(dirname "$0")/cli.bash"

cat > wrong.nn <<'END'
placeholder x: float[n, 3]
variable w = ones([3])
fn square(t) = t * t
gradient square(t)(dy) { 3 * t * dy }
y = square(x) * w
fn soft(t) = log(1 + exp(t))
gradient soft(t)(dy) { dy / (1 + exp(-t)) }
z = soft(x)
fn mixed(a, b) = a * sqrt(b) * w
gradient mixed(a, b)(dy) { [dy * sqrt(b) * w, dy * w * a / sqrt(b)] }
m = mixed(x, soft(x)) + mixed(x, z)
fn steps(t) = floor(t)
gradient steps(t)(dy) { dy }, exact=false
s = steps(x)
fn positive(t) = sum(sqrt(t) + log(t))
gradient positive(t)(dy) { dy * (0.5 / sqrt(t) + 1 / t) }
p = positive(x) + positive(w)
fn clipped(t) = relu(t)
gradient clipped(t)(dy) { where(t > 0, dy, 0) }
c = clipped(x)
END
expect 1 "$nnrun" check wrong.nn
err_has 'wrong.nn:4:10: error: this is not the gradient of `square`'
err_has 'wrong.nn:10:10: error: this is not the gradient of `mixed`: where argument 2 has'
err_has 'exact=false'
[ "$(grep -c ': error: ' err)" -eq 2 ] || wrong 'it finds fault with gradients that are right'
finish
