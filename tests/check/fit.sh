#!/bin/sh
# fit takes the very steps that a loop by hand takes, and says after each epoch what it has measured.
nnrun=${NNRUN:?}

cat > fit.nn <<'END'
digits = load_digits(train=500, validation=120, test=1)
net = batch_norm() >> dense(16) >> relu >> dense(10)
fn right(logits, labels) = argmax(logits, axis=1) == argmax(labels, axis=1)
run = fit(net, digits.train, loss=softmax_cross_entropy, optimizer=gradient_descent(0.1),
          metrics={right: right}, batch_size=64, epochs=3, validation=digits.validation)
print(fingerprint())
END
cat > hand.nn <<'END'
digits = load_digits(train=500, validation=120, test=1)
net = batch_norm() >> dense(16) >> relu >> dense(10)
placeholder x: float[batch, 784]
placeholder y: float[batch, 10]
logits = net(x)
loss cost = mean(softmax_cross_entropy(logits, y))
optimizer step = gradient_descent(0.1).minimize(cost)
metric right = mean(argmax(logits, axis=1) == argmax(y, axis=1))
for epoch in range(1, 4) {
  total = [0, 0]
  for b in digits.train.batches(64) {
    c, r = step.run(cost, right, x=b.images, y=b.labels)
    total = [total[0] + c * len(b.images), total[1] + r * len(b.images)]
  }
  c, r = eval(cost, right, x=digits.validation.images, y=digits.validation.labels)
  print("epoch {epoch}/3: loss {total[0] / 500:.4g}, right {total[1] / 500:.4g}; validation loss {c:.4g}, right {r:.4g}")
}
print(fingerprint())
END
for script in fit hand; do
    "$nnrun" --threads 1 $script.nn > $script.out 2> $script.err || { cat $script.err; exit 1; }
done
sed 's/; [0-9.]* s$//' fit.out > said
diff said hand.out || exit 1
[ "$(grep -c '; [0-9.]* s$' fit.out)" -eq 3 ] || { echo 'no seconds in:'; cat fit.out; exit 1; }
