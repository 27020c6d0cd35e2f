#!/bin/sh
# An unrelated line, an .eval or much garbage between the lines of a script changes none of its numbers.
set -eu
cat > plain.nn <<'END'
seed(3)
placeholder x: float[batch, 4]
net = dense(8) >> relu >> dropout(0.5) >> dense(2)
loss l = mean(net(x) ** 2)
optimizer step = adam(0.01).minimize(l)
h = x
for i in range(3) { h = h + dropout(h, 0.9) }
for i in range(20) { step.run(x=random_uniform([6, 4]).eval()) }
print(fingerprint())
print(sum(h).eval(x=ones([2, 4]), training=true))
END
cat > more.nn <<'END'
# comment
placeholder unused: float[other, time]
seed(3)
variable_of_no_use = sum(random_normal([5]))
placeholder x: float[batch, 4]
garbage = 0
for i in range(3000) { garbage = constant([i, 1]) + unused[0, 0] }
net = dense(8) >> relu >> dropout(0.5) >> dense(2)
print_nothing = dense(3)
loss l = mean(net(x) ** 2)
l.eval(x=ones([1, 4]))
optimizer step = adam(0.01).minimize(l)
h = x
for i in range(3) { for k in range(9000) { unused + k } h = h + dropout(h, 0.9) }
for i in range(20) {
  step.run(x=random_uniform([6, 4]).eval())
  l.eval(x=ones([i + 1, 4]))
  variable_of_no_use.eval()
}
print(fingerprint())
print(sum(h).eval(x=ones([2, 4]), training=true))
END
sed -i 's/9000) { unused + k }/9000) { unused + k };/' more.nn
"$NNRUN" plain.nn > one
"$NNRUN" more.nn > two
"$NNRUN" --threads 1 plain.nn > three
cat one two three
cmp one two
cmp one three
