#!/bin/bash
# What a check knows of a script's flow: programs that run clean and must pass, and mistakes far from the first step
# that must be found.
. "$(dirname "$0")/cli.bash"
head='mnist = load_digits(train=200, test=20, validation=0)
placeholder x: float[batch, 784]
placeholder y_: float[batch, 10]
logits = x |> dense(10)
loss error = mean(softmax_cross_entropy(logits, y_))
metric accuracy = mean(argmax(logits, axis=1) == argmax(y_, axis=1))
optimizer step = adam(0.01).minimize(error)
fn test() = accuracy.eval(x=mnist.test.images, y_=mnist.test.labels)
'

# passes: the script on standard input runs, and a check of it says nothing
passes() {
    { echo "$head"; cat; } > script.nn
    expect 0 "$nnrun" check script.nn && silent && out ''
    expect 0 "$nnrun" script.nn && silent
}

# finds TEXT..: a check of the script says each, and so does a run, which prints nothing
finds() {
    { echo "$head"; cat; } > script.nn
    expect 1 "$nnrun" check script.nn && out '' && err_has "$@"
    cp err found
    expect 1 "$nnrun" script.nn && out ''
    cmp -s err found || wrong 'a run says something else than a check'
}

passes <<'E1'
best = none
for i in range(4) {
  b = mnist.train.next_batch(20)
  step.run(x=b.images, y_=b.labels)
  now = test()
  if best == none or now > best { best = now; at = i }
  if i > 0 { print(previous + 1, at * 2) }
  if i == 1 { late = [1, 2] }
  if i > 1 { print(late[0], len(late)) }
  previous = now
}
print("{best:.3f} {at:d}")
E1

passes <<'E1'
fn until(target, most) {
  n = 0
  while test() < target and n < most {
    b = mnist.train.next_batch(20)
    step.run(x=b.images, y_=b.labels)
    n = n + 1
    if n == most { return -n }
  }
  n
}
done = until(2, 3)
if done == 3 { fail("the loop returns") }
print(done)
fn side(v) { if v > 0 { return 1 }; if v < 0 { return -1 }; 0 }
s = side(test())
assert(s == 1, "accuracy is above 0 here: {s}")
E1

passes <<'E1'
history = []
rate = 0.1
count = 0
for epoch in range(2) {
  for i in range(2) {
    b = mnist.train.next_batch(10)
    step.run(x=b.images, y_=b.labels)
    count = count + 1
    if test() > 5 { break }
    if error.eval(x=b.images, y_=b.labels) < 0 { continue }
    count = count + 1
  }
  history = history + [test()]
  rate = rate * 0.5
}
assert(count == 8)
assert(len(history) == 2 and rate < 0.03)
widths = if history[0] > 5 { [3] } else { [4, 5] }
h = x
for w in widths { h = h |> dense(w) }
assert(h.shape[1] == 5)
placeholder z: float[n, count]
print((z @ zeros([8, 2])).eval(z=zeros([1, 8])))
fn range_list(n) { l = []; for i in range(n) { l = l + [i] }; l }
print(len(range_list(count)) == 8)
E1

passes <<'E1'
fn pick(v, shape) {
  if v > 100 { fail("never: {v}") }
  if shape == none { return ones([2, 3]) }
  ones(shape)
}
a = pick(sum(x).eval(x=mnist.test.images) * 0, none)
p, q = if test() > 5 { [1, "one"] } else { [2, "two"] }
assert(p == 2 and q == "two")
text = "{p}-{test():.1f}"
if text == "2-9.9" { print(text + 1) } else { print(len(text)) }
r = {best: test()}
if r.best > 3 { r = none }
print(r.best >= 0, int(p) + 1, [1, 2, 3][p])
variable counter = 0
while (counter + 0).eval() < 3 { counter <- counter + 1 }
print(counter)
E1

# a recursion that numbers end
passes <<'E1'
fn halve(low, high, n) {
  middle = (low + high) / 2
  if test() > 2 or n > 5 or error.eval(x=zeros([1, 784]), y_=zeros([1, 10])) > 9 { return middle }
  if test() > middle { halve(middle, high, n + 1) } else { halve(low, middle, n + 1) }
}
print(halve(0, 1, 0) >= 0)
fn down(v) { if v < test() - 3 { v } else { down(v - 1) } }
print(down(test()) < 0)
E1

# loops of a million rounds cost nothing, and neither does recursion
passes <<'E1'
total = 0
for i in range(1000000) { total = total + i }
assert(total == 499999500000)
i = 0
while i < 300000 { i = i + 1 }
assert(i == 300000)
fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }
print(fib(22))
E1

# what is unknown may go with what is known: no way is guessed
passes <<'E1'
variable w = 1.0
fn pick(k, x) {
  if k != none { return x }
  x + "a string"
}
near = pick(if w.eval() > 0.5 { 3 } else { none }, 1)
for o in [adam(0.1), momentum(0.1)] {
  optimizer chained = (clip_global_norm(1.0) >> o).minimize(w ** 2)
  chained.run()
}
late = clip_global_norm(1.0) >> (if w.eval() > 9 { adam(0.1) } else { momentum(0.1) })
optimizer later = late.minimize(w ** 2)
E1

finds 'script.nn:13:42: error: `accurracy` is not defined' 'did you mean `accuracy`?' <<'E1'
for i in range(20000) {
  b = mnist.train.next_batch(20)
  step.run(x=b.images, y_=b.labels)
  if i % 1000 == 999 { print("step {i}: {accurracy.eval(x=b.images, y_=b.labels)}") }
}
E1

finds 'script.nn:14:11: error: `y_` is float[batch, 10], but is fed float[20, 784]' \
    'script.nn:18:1: error: `dene` is not defined' <<'E1'
for i in range(20000) {
  b = mnist.train.next_batch(20)
  step.run(x=b.images, y_=b.labels)
  if test() > 0.5 {
    print(accuracy.eval(x=b.images, y_=b.images))
  }
  c = accuracy + undefined_too
}
dene(3)
E1
grep -c 'error:' found | grep -qx 3 || wrong 'not three errors'

finds 'needs `y_`' 'is not defined' <<'E1'
for i in range(100) {
  b = mnist.train.next_batch(20)
  step.run(x=b.images)
}
print("accuracy {test():g} after {stepps} steps")
E1

finds 'one is not two' <<'E1'
assert(1 == 2, "one is not two")
step.run(x=mnist.train.images, y_=mnist.train.labels)
E1

# the data itself is not read
mkdir MNIST_data
for part in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    echo nonsense > MNIST_data/$part-ubyte
done
printf 'm = load_mnist()\nprint(m.train.images)\nprint(m.test.lables)\n' > data.nn
expect 1 "$nnrun" check data.nn && out '' && err_has 'data.nn:3:14: error:' 'did you mean `.labels`?'
expect 1 "$nnrun" data.nn && out '' && err_has 'data.nn:3:14: error:'
sed -i 's/lables/labels/' data.nn
expect 0 "$nnrun" check data.nn && silent
expect 1 "$nnrun" data.nn && out '' && err_has MNIST_data

# warnings: once, and no obstacle unless --strict
printf 'variable a = 1\nvariable b = 2\nplaceholder p: float\nloss e = a * a + cast(cast(b, int), float)\n' > warned.nn
printf 'optimizer s = gradient_descent(0.1).minimize(e)\ns.run()\nprint("done")\n' >> warned.nn
for way in 'check warned.nn' 'warned.nn'; do
    expect 0 "$nnrun" $way && err_has 'no gradient reaches the variable `b`' 'the placeholder `p` is not used'
    [ "$(grep -c warning: err)" -eq 2 ] || wrong 'not two warnings'
    cp out printed
    expect 1 "$nnrun" --strict $way && out ''
    [ "$(grep -c warning: err)" -eq 2 ] || wrong 'not two warnings'
done
[ "$(cat printed)" = done ] || wrong 'it was not run'

# the command
expect 2 "$nnrun" check && err_has '`nnrun check` wants more'
expect 2 "$nnrun" chekc && err_has 'did you mean nnrun check?'
expect 1 "$nnrun" check -e 'print(a)' && err_has '`a` is not defined'
expect 0 "$nnrun" check -e 'print(1)' && out '' && silent
printf 'param n = 1\nassert(n == 2, "n is {n}")\nprint(n)\n' > n.nn
expect 1 "$nnrun" check n.nn && err_has 'n is 1'
expect 0 "$nnrun" check n.nn n=2 && silent
input=n.nn
expect 0 "$nnrun" check - n=2 && out '' && silent
finish
