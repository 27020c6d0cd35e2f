#!/bin/bash
# load_csv and load_text from the command line: where files are looked for, what is said and how often, that a file is read
# once and again when it has changed, and things that are no files.
. "$(dirname "$0")/cli.bash"
unset NNRUN_DATA

# beside the script, unless there is one where nnrun was started; then below NNRUN_DATA
mkdir -p scripts data
printf 'a\n1\n' > scripts/t.csv
printf 'a\n3\n' > data/u.csv
printf 'print(load_csv("t.csv").a)\n' > scripts/t.nn
expect 0 "$nnrun" scripts/t.nn && silent && out '[1]'
printf 'a\n2\n' > t.csv
expect 0 "$nnrun" scripts/t.nn && silent && out '[2]'
(cd scripts && "$nnrun" t.nn) > out && out '[1]'
expect 1 "$nnrun" -e 'load_csv("u.csv")' && err_has 'there is no file "u.csv"'
NNRUN_DATA=$PWD/data expect 0 "$nnrun" -e 'print(load_csv("u.csv").a)' && out '[3]'

# rows left out are remarked on once, by the run
printf 'a,b\n1,x\n,y\n3,z\n' > gaps.csv
echo 'd = load_csv("gaps.csv", missing="drop")' > script.nn
expect 0 "$nnrun" script.nn
[ "$(grep -c 'gaps.csv: 1 row of 3 lacked a value: left out' err)" = 1 ] || wrong 'not said once'
expect 0 "$nnrun" check script.nn && silent
expect 0 "$nnrun" --quiet script.nn && silent

# what a loader needs is known to the check: shapes, categories, a file that is wrong in a line far below
cat > script.nn <<'EOF'
d = load_csv("t.csv")
for i in range(1000) { d.next_batch(1) }
text = load_text("text.txt")
placeholder x: float[batch, 7]
y = one_hot(text.characters, len(text.categories.characters)) + x
load_csv("wrong.csv")
EOF
echo abc > text.txt
printf 'a\n1\n2\nx\n' > wrong.csv
expect 1 "$nnrun" script.nn && err_has 'script.nn:5:5: error: `+` cannot combine these shapes' \
    'script.nn:6:1: error: wrong.csv:4: column `a`: "x" is no number, as the 2 rows before have'

# of a branch that may not be taken nothing is said before it is
printf 'variable w = 1.0\nif w.eval() > 2 { load_csv("none.csv") }\nprint("done")\n' > script.nn
expect 0 "$nnrun" script.nn && silent && out done
expect 0 "$nnrun" check script.nn && silent

# no files
mkfifo pipe
expect 1 "$nnrun" -e 'load_csv("pipe")' && err_has 'pipe is not a file'
expect 1 "$nnrun" -e 'load_text("pipe")' && err_has 'pipe is not a file'
expect 1 "$nnrun" -e 'load_npy("pipe")' && err_has 'pipe is not a file'
expect 1 "$nnrun" -e 'load_csv("/dev/zero")' && err_has '/dev/zero is not a file'
expect 1 "$nnrun" -e 'load_csv("data")' && err_has 'data is a folder'
expect 1 "$nnrun" -e 'load_csv("")' && err_has 'there is no file ""'
truncate -s 5000000000000 huge.csv 2> /dev/null && {
    expect 1 "$nnrun" -e 'load_csv("huge.csv")' && err_has 'huge.csv is too large for this machine'
    expect 1 "$nnrun" -e 'load_npy("huge.csv")' && err_has 'huge.csv is no array of NumPy'
}
finish
