#!/bin/bash
# --dump: every stage shows something, the same each time, without what the script prints; a loop is not
# run again and again.
. "$(dirname "$0")/cli.bash"
cat > line.nn <<'SCRIPT'
placeholder x: float[n]
placeholder y: float[n]
variable a = zeros([])
optimizer sgd(rate)(w, g) { w <- w - rate * g }
loss mse = mean((a * x - y) * (a * x - y))
optimizer step = sgd(0.1).minimize(mse)
for i in range(100000) { step.run(x=[1, 2], y=[2, 4]) }
print(a.eval())
SCRIPT
for stage in tokens ast graph grad opt opt:fold opt:fuse plan trace; do
    expect 0 "$nnrun" --dump=$stage line.nn && silent
    [ -s out ] || wrong 'nothing was shown'
    cp out first
    expect 0 timeout 20 "$nnrun" --dump $stage line.nn
    [ "$stage" = trace ] || cmp -s first out || wrong 'it is not the same again'
    grep -q 0x out && wrong 'an address was shown'
done
for stage in graph grad opt plan trace; do
    expect 0 "$nnrun" --dump=$stage line.nn
    out_has '== step.run  line.nn:7:26  fed x[2] y[2]' '== a.eval  line.nn:8:7'
    [ "$(grep -c '^==' out)" -eq 2 ] || wrong 'not one header a computation'
done
expect 0 "$nnrun" --dump=graph line.nn
grep -q 'assign\|check_finite' out && wrong 'graph shows more than the way forward'
expect 0 "$nnrun" --dump=grad line.nn && out_has assign check_finite
expect 0 "$nnrun" --dump=opt:fold line.nn && out_has 'after fold  nodes'
expect 0 "$nnrun" --dump=tokens -e 'print(1)' && out_has '1:1 IDENT print'
expect 0 "$nnrun" --dump=ast -e 'print(1)' && out_has '(call (name print) (int 1)) @1:1-1:9'
expect 1 "$nnrun" --dump=ast -e 'print(' && err_has '<-e>:1:'
expect 0 "$nnrun" --dump=help && silent && out_has tokens trace fuse matmul
expect 2 "$nnrun" --dump=grpah line.nn && err_has 'there is no stage `grpah`' 'did you mean --dump=graph?'
expect 2 "$nnrun" --dump=opt:flod line.nn && err_has 'did you mean --dump=opt:fold?'
expect 2 "$nnrun" --dump=plan:fold line.nn
finish
