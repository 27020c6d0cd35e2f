#!/bin/bash
# name=value and `nnrun help SCRIPT`.
. "$(dirname "$0")/cli.bash"
cat > script.nn <<'SCRIPT'
# script.nn -- adds.
# Nothing else.
param steps = 20      # how often
param rate = 0.5
param name = "none"   # whom to greet
param fast = true
placeholder x: float[batch, 784]
placeholder keep: float = 1.0    # share
print("{steps} {rate} {name} {fast}")
SCRIPT

expect 0 "$nnrun" script.nn && out '20 0.5 none true'
expect 0 "$nnrun" script.nn steps=3 rate=2 name=you fast=false && out '3 2 you false'
expect 0 "$nnrun" script.nn steps=-3 && out '-3 0.5 none true'
expect 0 "$nnrun" script.nn 'name=a b=c' && out '20 0.5 a b=c true'
expect 0 "$nnrun" -e 'param n = 1
print(n)' n=2 && out 2
input=script.nn
expect 0 "$nnrun" - steps=4 && out '4 0.5 none true'
input=/dev/null

expect 2 "$nnrun" script.nn stps=3 && out ''
err_has 'script.nn has no param `stps`' 'it has steps = 20' 'whom to greet' 'did you mean steps=3?'
expect 2 "$nnrun" script.nn steps=many && out '' && err_has '`steps`' '`many`'
expect 2 "$nnrun" script.nn steps= && out ''
expect 2 "$nnrun" script.nn steps=1 steps=2 && err_has 'steps is set twice'
expect 2 "$nnrun" steps=1 script.nn && err_has 'settings stand after the script'
printf 'print(1)\n' > plain.nn
expect 2 "$nnrun" plain.nn a=1 && err_has 'plain.nn has no param `a`' 'param a = default'

expect 0 "$nnrun" help script.nn && silent
out_has 'script.nn -- adds.' 'Nothing else.' 'steps = 20 ' 'how often' 'whom to greet' 'x    : float[batch, 784]' \
    'keep : float = 1.0' 'share'
grep -q '^20' out && wrong 'the script was run'
expect 0 "$nnrun" help plain.nn && out_has 'It has no params.'
expect 1 "$nnrun" help missing.nn && err_has 'cannot read missing.nn'
expect 2 "$nnrun" help script.nn plain.nn && err_has 'what is `plain.nn` for?'
finish
