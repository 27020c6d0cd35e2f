#!/bin/bash
# Options: what they do, and what a wrong one is told.
. "$(dirname "$0")/cli.bash"
printf 'print(1)\n' > one.nn

for help in --help -h help; do
    expect 0 "$nnrun" $help && silent
    out_has 'nnrun SCRIPT [name=value ...]' '--threads N' '--dump=STAGE' 'Exit status'
done
for version in version --version; do
    expect 0 "$nnrun" $version && silent
    out_has 'nnrun 0' compiler kernels BLAS threads
done

# anywhere, with = or without
expect 0 "$nnrun" --seed 3 one.nn && out 1
expect 0 "$nnrun" one.nn --seed=3 --threads=1 --quiet --check-numerics && out 1
cat > conv.nn << 'EOT'
print(sum(conv2d(random_normal([2, 32, 32, 32]), random_normal([3, 3, 32, 32]))))
EOT
expect 0 "$nnrun" --dump=plan conv.nn && out_has 'winograd 4x4,3x3'
expect 0 "$nnrun" --exact --dump=plan conv.nn && out_has 'direct (exact)'
expect 2 "$nnrun" --sead 3 one.nn && out '' && err_has 'there is no option `--sead`' 'did you mean --seed?'
expect 2 "$nnrun" --nonsense && err_has 'there is no option `--nonsense`' '`nnrun --help`'
expect 2 "$nnrun" --seed && err_has '--seed wants a value'
for bad in x -1 '' 1.5 99999999999999999999; do
    expect 2 "$nnrun" "--seed=$bad" one.nn && err_has '--seed wants a whole number'
done
for bad in 0 -1 x 100000; do
    expect 2 "$nnrun" "--threads=$bad" one.nn && err_has '--threads wants a number'
done
for bad in 0 x 10Q 5MB -1 ''; do
    expect 2 "$nnrun" "--memory=$bad" one.nn && err_has '--memory wants a size'
done
for good in 4096 64K 500m 1.5G; do
    expect 0 "$nnrun" --memory "$good" one.nn && out 1
done
expect 1 "$nnrun" --memory 1K -e 'print(sum(random_normal([5000])))'
err_has 'asks for 19.6 KiB, and --memory allows 1.0 KiB'
cat > memory.nn <<'END'
placeholder x: float[batch, 1000]
variable w = ones([1000, 1000])
loss cost = mean((x @ w) ** 2)
optimizer step = adam(0.1).minimize(cost)
step.run(x=ones([2, 1000]))
print(cost.eval(x=ones([500, 1000])) > 0)
END
for verb in run check; do
    expect 0 "$nnrun" $verb --show-memory memory.nn
    err_has 'memory: parameters 3.81 MiB, what optimizers and layers keep 7.63 MiB, training ' \
        ' (memory.nn:5), evaluation ' ' (memory.nn:6)'
done
[ "$(grep -c memory: err)" = 1 ] || wrong "the memory is not said once"
expect 2 "$nnrun" --quiet=yes one.nn && err_has '--quiet takes no value'
expect 2 "$nnrun" verison && err_has 'there is no script `verison`' 'did you mean nnrun version?'
expect 2 "$nnrun" run && err_has '`nnrun run` wants more' 'nnrun run SCRIPT'
expect 2 "$nnrun" version now && err_has 'what is `now` for?'
expect 0 "$nnrun" run one.nn --seed 1 && out 1
expect 0 "$nnrun" run -e 'param a = 1; print(a)' a=5 && out 5
expect 2 "$nnrun" -e 'print(1)' one.nn && err_has 'what is `one.nn` for?'
expect 2 "$nnrun" one.nn two.nn && err_has 'what is `two.nn` for?'
expect 2 "$nnrun" one.nn -e 'print(1)' && err_has 'cannot both be run'

# a library of one's own: its files by name, later ones may use earlier ones
mkdir library
printf 'fn b_two() = a_one() + 1\n' > library/b.nn
printf 'fn a_one() = 1\n' > library/a.nn
printf 'no script' > library/notes.txt
expect 0 "$nnrun" --stdlib library -e 'print(b_two())' && out 2
expect 1 "$nnrun" --stdlib missing one.nn && out '' && err_has 'cannot read the library folder missing'
mkdir none
expect 1 "$nnrun" --stdlib=none one.nn && err_has 'there is no .nn file in the library folder none'
printf 'fn broken( = 1\n' > library/c.nn
expect 1 "$nnrun" --stdlib library one.nn && out '' && err_has 'library/c.nn:1:'
finish
