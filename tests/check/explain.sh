#!/bin/bash
# `nnrun explain`: every code has a page; the refused example of a page gives that very code, the mended one runs.
. "$(dirname "$0")/cli.bash"

# examples CODE TITLE: the page's block of that title, as a file and commands, into the folder CODE,TITLE
extract() {
    rm -rf "$1,$2" && mkdir "$1,$2"
    "$nnrun" explain "$1" | awk -v title="$2:" -v to="$1,$2" '
    $0 == title { inside = 1; next }
    inside && /^[^ ]/ { exit }
    inside && /^    \$ / { print substr($0, 7) > (to "/commands"); next }
    inside && /^    / { print substr($0, 5) > (to "/example.nn") }'
}

# perform FOLDER: runs its example as the page says
perform() {
    (
        cd "$1" || exit 99
        nnrun() { "$nnrun" "$@"; }
        if [ -f commands ]; then . ./commands; else nnrun example.nn; fi
    ) > out 2> err < /dev/null
}

expect 0 "$nnrun" explain && silent
codes=$(cut -d' ' -f1 out)
[ "$(echo "$codes" | sort -u | wc -l)" -eq "$(wc -l < out)" ] || wrong 'a code is there twice'
grep -o '^## .*' "$TOP/src/base/errors.md" | cut -c4- | sort > pages
echo "$codes" | sort | diff pages - > out || wrong 'codes without a page, or pages without a code'
for code in $codes; do
    last="explain $code"
    # what is not there yet changes, a signal has no text, and no example of our own faults is known
    case $code in E005 | E038 | E040) continue ;; esac
    extract "$code" Refused
    extract "$code" Mended
    perform "$code,Refused"
    grep -q " \[$code\]$" err || wrong "the refused example does not give $code"
    perform "$code,Mended" || wrong 'the mended example does not run'
    grep -q ': \(error\|warning\): ' err && wrong 'the mended example is not clean'
    "$nnrun" explain "$code" | grep -q '^Why: ' || wrong 'there is no Why'
done
expect 0 "$nnrun" explain e19 && out_has 'E019: a matrix product of unequal inner sizes'
expect 0 "$nnrun" explain E001 2 && out_has E001: E002:
expect 2 "$nnrun" explain E999 && err_has 'there is no code `E999`'
expect 2 "$nnrun" explain nonsense && err_has '`nnrun explain` lists them'
finish
