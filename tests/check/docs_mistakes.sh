#!/bin/sh
# The table of common mistakes in grammar/errors.md quotes what is said: nnrun's words have to stand in the outputs on the
# page (which docs_examples.sh holds against the program), PyTorch's in tests/data/reference/mistakes.txt.
set -u
export LC_ALL=C
top=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
page=$top/grammar/errors.md
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

awk '/^```error/ { on = 1; next } /^```/ { on = 0 } on' "$page" > "$work/nnrun"
cp "$top/tests/data/reference/mistakes.txt" "$work/torch"
awk '/^### Ten common mistakes/ { on = 1; next } /^##/ { on = 0 } on && /^\| / && !/^\| (mistake|---)/' "$page" \
    > "$work/rows"

# Quotations in column N of the rows: `..`, or `` .. `` around backticks. `\|` is no end of a column.
quotations() { # N
    sed 's/\\|/\t/g' "$work/rows" | awk -F'|' -v n="$1" '
    {
        rest = $n
        while (match(rest, /`` [^`]*(`[^`]+)*[^`]* ``|`[^`]+`/)) {
            q = substr(rest, RSTART, RLENGTH)
            rest = substr(rest, RSTART + RLENGTH)
            gsub(/^(`` |`)|( ``|`)$/, "", q)
            print q
        }
    }' | tr '\t' '|'
}

status=0
[ "$(wc -l < "$work/rows")" -eq 10 ] || { echo "the table has $(wc -l < "$work/rows") rows"; status=1; }
for who in "4 nnrun" "5 torch"; do
    quotations "${who% *}" > "$work/said"
    [ "$(wc -l < "$work/said")" -ge 7 ] || { echo "few quotations of ${who#* }"; status=1; }
    while IFS= read -r said; do
        grep -qF -- "$said" "$work/${who#* }" || { echo "${who#* } does not say: $said"; status=1; }
    done < "$work/said"
done
exit $status
