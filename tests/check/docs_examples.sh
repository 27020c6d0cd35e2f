#!/bin/sh
# The examples of the documentation are run, so that they stay true.
#
#     README.md, grammar/*.md, models/README.md
#         ```nn       a script. It has to parse, or it is run:
#         ```output   behind it: what it prints
#         ```error    behind it: what it says on stderr; its status is not 0 then
#         # expect: TEXT   in it: what it prints, beside the line that prints it
#         ```name.ext   a file that lies beside the scripts of the page
#         A block that begins like a file of models/ has to be that file.
#     stdlib/*.nn     indented code in comments (`#     code`): as above
#
# A block is run in a folder of its own as example.nn; each one stands alone.
set -u
export LC_ALL=C
nnrun=${NNRUN:?} top=${TOP:?}
n_failed=0 n_run=0 n_parsed=0

fail() { # what
    echo "$page:$line: $1"
    n_failed=$((n_failed + 1))
}

# Page on stdin. Leaves N.nn, N.line, and N.out or N.err where there are such.
extract_page() {
    awk '
    /^```/ && !inside {
        word = substr($0, 4)
        if (word == "nn") {
            n++
            file = n ".nn"
            print NR + 1 > (n ".line")
            printf "" > file
        } else if (word ~ /^[a-z_]+\.[a-z]+$/) {
            file = "files/" word
            printf "" > file
        } else if ((word == "output" || word == "error") && fresh) {
            file = n (word == "output" ? ".out" : ".err")
            printf "" > file
        } else
            file = ""
        inside = 1
        next
    }
    /^```/ { inside = 0; fresh = file != ""; next }
    inside { if (file != "") print > file; next }
    NF { fresh = 0 }'
}

# Library file on stdin: each run of indented comment lines is a script.
extract_comments() {
    awk '
    /^#     / { if (!inside) { n++; print NR > (n ".line") } inside = 1; print substr($0, 7) > (n ".nn"); next }
    /^#$/ && inside { print "" > (n ".nn"); next }
    { inside = 0 }'
}

run_block() { # N
    cp -r files run && cp "$1.nn" run/example.nn
    for model in "$top"/models/*.nn; do
        [ "$(head -n 1 "$1.nn")" = "$(head -n 1 "$model")" ] || continue
        cmp -s "$1.nn" "$model" || { fail "differs from ${model##*/}:"; diff "$model" "$1.nn"; }
    done
    if [ ! -f "$1.out" ] && [ ! -f "$1.err" ] && grep -q '# expect: ' "$1.nn"; then
        sed -n 's/^.*# expect: //p' "$1.nn" > "$1.out"
    fi
    if [ ! -f "$1.out" ] && [ ! -f "$1.err" ]; then
        (cd run && "$nnrun" --dump=ast example.nn > /dev/null 2> err) || { fail 'does not parse:'; cat run/err; }
        n_parsed=$((n_parsed + 1))
    else
        (cd run && "$nnrun" example.nn > out 2> err < /dev/null)
        status=$?
        n_run=$((n_run + 1))
        if [ -f "$1.err" ]; then
            [ "$status" -eq 1 ] || [ "$status" -eq 3 ] || ! grep -q ': error: ' run/err || fail "exit status $status"
            cmp -s "$1.err" run/err || { fail 'stderr differs (< page, > program):'; diff "$1.err" run/err; }
        elif [ "$status" -ne 0 ] || grep -qE ':[0-9]+: (error|warning): ' run/err; then
            fail "exit status $status:"
            cat run/err
        fi
        [ ! -f "$1.out" ] || cmp -s "$1.out" run/out ||
            { fail 'stdout differs (< page, > program):'; diff "$1.out" run/out; }
    fi
    rm -rf run
}

run_page() { # extractor, path below top
    page=$2 line=1
    mkdir -p blocks/files && cd blocks || exit 1
    "$1" < "$top/$2"
    for file in *.nn; do
        [ -f "$file" ] || continue
        line=$(cat "${file%.nn}.line")
        run_block "${file%.nn}"
    done
    cd .. && rm -rf blocks
}

for file in README.md $(cd "$top" && ls grammar/*.md) models/README.md; do
    [ -f "$top/$file" ] && run_page extract_page "$file"
done
for file in "$top"/stdlib/*.nn; do
    run_page extract_comments "stdlib/${file##*/}"
done
[ "$n_run" -gt 0 ] || { echo 'no example was found'; exit 1; }
echo "$n_run run, $n_parsed parsed, $n_failed wrong"
[ "$n_failed" -eq 0 ]
