#!/bin/bash
# Ways of giving a script, and scripts that are none: each its exit status and a clear message.
. "$(dirname "$0")/cli.bash"

printf 'print(1 + 1)\n' > two.nn
expect 0 "$nnrun" two.nn && out 2 && silent
expect 0 "$nnrun" -e 'print("a"); print(3)' && out $'a\n3'
expect 0 "$nnrun" -- two.nn && out 2
input=two.nn
expect 0 "$nnrun" - && out 2 && silent
expect 0 "$nnrun" && out 2 && silent
input=/dev/null
expect 0 "$nnrun" && out ''
cp two.nn ./--seed
expect 0 "$nnrun" -- --seed && out 2
cp two.nn help
expect 0 "$nnrun" ./help && out 2

: > empty.nn
expect 0 "$nnrun" empty.nn && out '' && silent
printf '# nothing\n\n' > comment.nn
expect 0 "$nnrun" comment.nn && out '' && silent
printf 'print(7)' > no_newline.nn
expect 0 "$nnrun" no_newline.nn && out 7
printf 'print(7)\r\nprint(8)\r\n' > dos.nn
expect 0 "$nnrun" dos.nn && out $'7\n8'

expect 1 "$nnrun" missing.nn && err_has 'cannot read missing.nn: No such file or directory'
mkdir folder
expect 1 "$nnrun" folder && err_has 'cannot read folder: it is a folder'
printf '\177ELF\0\0\0' > binary
expect 1 "$nnrun" binary && err_has 'binary is not a script: it has a zero byte at offset 4'
head -c 100000 /dev/zero > zeros
expect 1 "$nnrun" zeros && err_has 'zero byte at offset 0'
expect 1 "$nnrun" -e 'print(' && err_has '<-e>:1:'
expect 1 "$nnrun" -e 'print(nowhere)' && err_has '<-e>:1:7: error:' '`nowhere`'
printf 'print(1)\nprint(nowhere)\nprint(2)\n' > half.nn
expect 1 "$nnrun" half.nn && out '' && err_has 'half.nn:2:7: error:'
input=half.nn
expect 1 "$nnrun" && err_has '<stdin>:2:7: error:'
input=/dev/null

# 10 MB, one statement a line, and one that is nothing but brackets
yes 'x = 1 + 2 # a line of a long script' | head -300000 > long.nn
expect 0 "$nnrun" long.nn && out ''
head -c 10000000 /dev/zero | tr '\0' '(' > deep.nn
expect 1 "$nnrun" deep.nn && err_has 'brackets are open here'
head -c 10000000 /dev/urandom | tr -d '\0' > noise
expect 1 "$nnrun" noise
finish
