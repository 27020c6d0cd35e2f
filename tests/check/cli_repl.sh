#!/bin/bash
# The prompt, on a terminal made by script(1).
. "$(dirname "$0")/cli.bash"
command -v script > /dev/null || { echo 'no script(1)'; exit 77; }

typed() { # LINES: what the session shows goes to out, without carriage returns
    last="typed: $1"
    printf '%s\n\004' "$1" | script -qec "stty -echo; exec $nnrun" /dev/null 2> err | tr -d '\r' > out
}
typed 'x = 3
x + 1'
out_has 'nn> 4'
typed 'fn f(a) {
a + 1
}
f(2)'
out_has '... ' 'nn> 3'
typed 'nowhere
print(5)'
out_has '`nowhere`' 'nn> 5'
typed 'print(
6
)'
out_has 6
# an empty line ends what a forgotten bracket would hold open
typed 'print((1)

print(9)'
out_has error 9
# more errors than one run may report
typed "$(for i in $(seq 30); do echo nowhere; done)
print(8)"
out_has 8
finish
