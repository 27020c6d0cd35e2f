#!/bin/bash
# nnrun fmt: a layout is its own layout and the same script, and comes out as tests/fmt/NAME.out says; a file that
# cannot be laid out is left as it was.
. "$(dirname "$0")/cli.bash"

scripts=("$TOP"/models/*.nn "$TOP"/stdlib/*.nn "$TESTS"/lang/*.nn "$TESTS"/lang/modules/*.nn "$TESTS"/stdlib/*.nn
    "$TESTS"/models/*.nn)

# The tree without the places of its nodes.
tree() {
    "$nnrun" --dump=ast "$1" 2>&1 | sed 's/ @[0-9]*:[0-9]*-[0-9]*:[0-9]*//g'
}

# laid_out FILE: formats FILE.nn; its layout is the same script and does not change again
laid_out() {
    cp "$1" before.nn && cp "$1" after.nn && chmod 644 after.nn
    expect 0 "$nnrun" fmt after.nn && silent
    cmp -s <(tree before.nn) <(tree after.nn) || wrong "the tree of $1 is another one"
    expect 0 "$nnrun" fmt --check after.nn && out ''
}

for file in "$TESTS"/fmt/*.nn; do
    laid_out "$file"
    diff -u "${file%.nn}.out" after.nn > out || wrong "the layout of ${file##*/} is not that of ${file%.nn}.out"
done
# The same with all blanks that can go gone, and with more of them than anybody wants.
for file in "${scripts[@]}"; do
    sed -E 's/^ +//; s/ ([-+*\/=<>,|]+) /\1/g; s/[-=][->]/ & /g' "$file" > tight.nn
    "$nnrun" --dump=tokens tight.nn > /dev/null 2>&1 && laid_out tight.nn
    sed -E '/"|#/!s/([],()[{}:=])/  \1 /g; s/$/   /' "$file" > wide.nn
    "$nnrun" --dump=tokens wide.nn > /dev/null 2>&1 && laid_out wide.nn
done

printf '\xef\xbb\xbf\r\n\r\nparam steps=3\r\n# c  \r\n\r\n\r\n\r\nfn f(a){\r\n\r\n a\r\n\r\n}\r\n\r\n' > dos.nn
expect 0 "$nnrun" fmt dos.nn && out dos.nn && silent
printf 'param steps = 3\n# c\n\nfn f(a) {\n  a\n}\n' | cmp -s - dos.nn || wrong 'dos.nn is not as expected'
last='no line break at the end'
printf 'x=1' > cut.nn && "$nnrun" fmt cut.nn > out && out cut.nn && [ "$(cat cut.nn; echo .)" = "x = 1
." ] || wrong 'the last line has no end'

# Standard input, to standard output.
printf 'x=1\n' > loose.nn
input=loose.nn expect 0 "$nnrun" fmt - && out 'x = 1' && silent
input=loose.nn expect 1 "$nnrun" fmt --check - && out '<stdin>' && silent

# --check changes nothing; a file that is laid out is not written.
printf 'x = 1\n' > tidy.nn && chmod 444 tidy.nn
expect 1 "$nnrun" fmt --check loose.nn tidy.nn && out loose.nn && silent
[ "$(cat loose.nn)" = x=1 ] || wrong '--check has changed the file'
expect 0 "$nnrun" fmt tidy.nn && out '' && silent

# The mode and a link stay.
chmod 750 loose.nn && ln -s loose.nn link.nn
expect 0 "$nnrun" fmt link.nn && out link.nn
[ -L link.nn ] && [ "$(cat loose.nn)" = 'x = 1' ] || wrong 'the link is no link any more'
[ "$(stat -c %a loose.nn)" = 750 ] || wrong 'the mode is another one'

# What cannot be laid out is said, and the others are.
printf 'x=1\n' > read_only.nn && chmod 444 read_only.nn
printf 'x = (1\ny=2\n' > broken.nn
printf 'x=1\0' > binary.nn
printf 'x="\xff"\n' > latin.nn
printf 'y=1\n' > other.nn
mkdir folder.nn
expect 1 "$nnrun" fmt broken.nn missing.nn folder.nn read_only.nn binary.nn latin.nn other.nn
out other.nn
err_has 'broken.nn:2:1: error: expected `)`, found `y` [E001]' \
    'error: cannot read missing.nn: No such file or directory [E036]' \
    'error: cannot read folder.nn: it is a folder [E036]' \
    'error: cannot write read_only.nn: Permission denied [E036]' \
    'binary.nn:1:4: error: a zero byte: this is not a text file' 'latin.nn:1:4: error: the byte 0xff is not UTF-8 text'
[ "$(cat broken.nn read_only.nn)" = 'x = (1
y=2
x=1' ] || wrong 'a file was changed that cannot be laid out'
[ -z "$(ls -- *.nn.* 2> /dev/null)" ] || wrong 'a temporary file was left'
expect 1 "$nnrun" --errors=json fmt broken.nn && err_has '"code": "E001"' '"file": "broken.nn"'

: > empty.nn
expect 0 "$nnrun" fmt empty.nn && out '' && silent
printf '\n\n\n' > blank.nn
expect 0 "$nnrun" fmt blank.nn && out blank.nn
[ -s blank.nn ] && wrong 'blank.nn is not empty'
{ printf 'x=['; yes '1,  ' | head -300000 | tr -d '\n'; echo ']'; } > long.nn
expect 0 "$nnrun" fmt long.nn && out long.nn && expect 0 "$nnrun" fmt --check long.nn
{ echo 'x=['; yes '1,  2,   3,# c' | head -50000; echo ']'; } > tall.nn
expect 0 "$nnrun" fmt tall.nn && expect 0 "$nnrun" fmt --check tall.nn

# Columns that wait for each other in a circle are given up.
printf 'xxxxx =     f(1,\n   a    + 2)\ny       +   q\nz       +   q\n' > circle.nn
expect 0 "$nnrun" fmt circle.nn && expect 0 "$nnrun" fmt --check circle.nn && out ''

expect 2 "$nnrun" fmt && err_has '`nnrun fmt` wants more'
expect 2 "$nnrun" run --check loose.nn && err_has '--check is an option of `nnrun fmt`'
finish
