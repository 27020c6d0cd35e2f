#!/bin/bash
# Signals and outputs that go away.
. "$(dirname "$0")/cli.bash"
printf 'print("begun")\ni = 0\nwhile true { i = i + 1 }\n' > host.nn
cat > graph.nn <<'SCRIPT'
variable a = ones([64, 64])
print("begun")
while true { a.eval() }
SCRIPT

# stopped SIGNAL SCRIPT: begins, gets the signal, ends within seconds with status 130
stopped() {
    last="$1 to $2"
    : > out
    "$nnrun" "$2" > out 2> err < /dev/null &
    local job=$! i status
    for i in $(seq 100); do grep -q begun out && break; sleep 0.1; done
    kill -"$1" $job
    for i in $(seq 100); do kill -0 $job 2> /dev/null || break; sleep 0.1; done
    kill -KILL $job 2> /dev/null
    wait $job
    status=$?
    [ "$status" -eq 130 ] || wrong "exit status $status, expected 130"
    out begun
}
for signal in INT TERM; do
    stopped $signal host.nn
    stopped $signal graph.nn
done

last='into a reader that leaves'
"$nnrun" -e 'for i in range(100000) { print(i) }' 2> err | head -1 > out
out 0 && silent
last='into a closed output'
"$nnrun" -e 'print(1)' 2> err >&-
[ $? -eq 0 ] || wrong 'exit status is not 0'
silent
if [ -w /dev/full ]; then
    last='into a full disk'
    "$nnrun" -e 'print(1)' 2> err > /dev/full
    [ $? -eq 1 ] || wrong 'exit status is not 1'
    err_has 'cannot write the output: No space left'
fi
finish
