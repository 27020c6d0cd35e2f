#!/bin/bash
# `nnrun check` on every program there is: it finds nothing where a run is clean, it finds what a run would find
# before the first number is computed, and it prints, loads and computes nothing.
#
#     lang, stdlib, models, the pages' and the library's examples: no error, no warning, unless a run has them
#     errors/: the check says what the golden says, unless its faults are of numbers
. "$(dirname "$0")/cli.bash"
n_checked=0

# clean FILE: the check is silent, as the run is; data that is not on this machine apart
clean() {
    [ -d "$NNRUN_DATA" ] || ! "$nnrun" check "$@" 2>&1 | grep -q ': error: .* \[E033\]' || return
    expect 0 "$nnrun" check "$@"
    grep -qE ':[0-9]+: (error|warning): ' err && wrong 'it finds something'
    out ''
    n_checked=$((n_checked + 1))
}

# what a program's `# args: ` line gives it
args_of() { sed -n 's/^# args: //p' "$1" | head -1; }

for file in "$TESTS"/lang/*.nn "$TESTS"/stdlib/*.nn "$TESTS"/models/*.nn "$TOP"/models/*.nn; do
    [ -f "$file" ] || continue
    grep -q '# expect error: ' "$file" && continue
    # shellcheck disable=SC2046
    eval clean '"$file"' $(args_of "$file")
done

# the pages: blocks of ```nn without a block of ```error behind them; ```name.ext is a file that they read
pages() {
    awk -v folder="$1" '
    function done() { if (file != "" && n_kind == "nn") close(file) }
    /^```/ && !inside { word = substr($0, 4); inside = 1
        if (word == "nn") { n++; file = folder "/" n ".nn"; printf "" > file }
        else if (word ~ /^[a-z_]+\.[a-z]+$/) { file = word; printf "" > file }
        else if (word == "error" && fresh) { print > (folder "/" n ".wrong"); file = "" }
        else file = ""
        next }
    /^```/ { inside = 0; fresh = 1; next }
    inside { if (file != "") print > file; next }
    NF { fresh = 0 }' "$2"
}
for page in README.md $(cd "$TOP" && ls grammar/*.md) models/README.md; do
    mkdir blocks && pages blocks "$TOP/$page"
    for file in blocks/*.nn; do
        [ -f "$file" ] || continue
        [ -f "${file%.nn}.wrong" ] && continue
        grep -q 'import "' "$file" && continue
        clean "$file"
    done
    rm -rf blocks
done

cd "$TESTS" || exit 1
for file in errors/*.nn; do
    case $(head -c 200 "$file" | tr -d '\000') in '# status: 0'* | '# status: 2'*) continue ;; esac
    n_checked=$((n_checked + 1))
    eval "set -- $(args_of "$file" | tr -d "\000")"
    found=$("$nnrun" check "$file" "$@" 2>&1 > /dev/null < /dev/null)
    status=$?
    # not finite, a value out of its domain, data missing or corrupt, memory, variables made anew
    if [ "$status" -eq 0 ] && ! grep -a ': error: ' "${file%.nn}.err" | grep -qav '\[E03[12349]]$\|\[E042]$'; then
        continue
    elif [ "$status" -eq 0 ] || [ "$found" != "$(cat "${file%.nn}.err")" ]; then
        echo "$file: the check says, with status $status:"
        echo "$found" | head -20
        n_failed=$((n_failed + 1))
    fi
done
echo "$n_checked programs checked"
finish
