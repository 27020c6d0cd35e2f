#!/bin/bash
# The time to build, check, differentiate and plan grows as the graph does: ten times the nodes take about ten times
# as long, of the processor's time; three tries, since other programs disturb it.
set -eu
cat > chain.nn <<'END'
param n = 1000                 # nodes forward, about
placeholder x: float[batch, 8]
h = x
for i in range(n // 4) { h = tanh(h * 1.5 + i) - 0.5 }
slope = gradients(mean(h), x)
print(mean(slope).eval(x=ones([4, 8])) < 1)
END
cat > layers.nn <<'END'
param n = 1000
placeholder x: float[batch, 8]
h = x
for i in range(n // 3) { h = h |> dense(8) |> relu }
loss cost = mean(h)
optimizer step = adam(0.001).minimize(cost)
step.run(x=ones([4, 8]))
print(cost.eval(x=ones([4, 8])) < 10)
END
TIMEFORMAT=%U
seconds() { { time "$NNRUN" --threads 1 "$1" n="$2" > /dev/null; } 2>&1; }
for script in chain.nn layers.nn; do
    for try in 1 2 3; do
        few=$(seconds $script 1000) many=$(seconds $script 10000)
        echo "$script: $few s for 1,000 nodes, $many s for 10,000"
        awk "BEGIN { exit !($many < 16 * $few + 0.2) }" && continue 2
    done
    exit 1
done

# So does a list that a loop adds to: twenty times the rounds, not four hundred times the time.
cat > list.nn <<'END'
param n = 10000
grown = []
layers = []
for i in range(n) { grown = grown + [i] }
for i in range(n // 100) { layers = layers + [dense(3)] }
assert(grown[n - 1] == n - 1 and len(layers) == n // 100)
END
for try in 1 2 3; do
    few=$(seconds list.nn 10000) many=$(seconds list.nn 200000)
    echo "list.nn: $few s for 10,000 rounds, $many s for 200,000"
    awk "BEGIN { exit !($many < 40 * $few + 0.5) }" && exit 0
done
exit 1
