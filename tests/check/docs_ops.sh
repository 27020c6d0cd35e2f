#!/bin/sh
# The tables of grammar/tables.md list exactly what there is: the rows of src/ir/ops.def and src/eval/builtins.def, the
# definitions of stdlib/*.nn. A table stands between the lines `<!-- NAME -->` and `<!-- end -->`.
#
#     tests/check/docs_ops.sh            checks
#     tests/check/docs_ops.sh --write    writes the tables into the page
set -u
export LC_ALL=C
top=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
page=$top/grammar/tables.md

# The rows EW1 EW2 EW3 CMP2 of ops.def.
elementwise() {
    echo '| op | operands | gradient | |'
    echo '| --- | --- | --- | --- |'
    awk '
    BEGIN { domain["NUM"] = "numbers"; domain["FLT"] = "floats"; domain["BIT"] = "bool" }
    /^(EW[123]|CMP2)\(/ {
        kind = $0; sub(/\(.*/, "", kind)
        row = substr($0, length(kind) + 2)
        name = row; sub(/,.*/, "", name)
        rest = row; sub(/^[^,]*,[ ]*/, "", rest)
        set = rest; sub(/,.*/, "", set)
        summary = row; sub(/"\)[ ]*$/, "", summary); sub(/.*"/, "", summary)
        before = row; sub(/,[ ]*"[^"]*"\)[ ]*$/, "", before)
        operands = kind == "CMP2" ? "any, the result is bool" : domain[set]
        gradient = kind == "CMP2" || before ~ /NONE$/ ? "" : "yes"
        arguments = kind == "EW1" ? "x" : kind == "EW3" ? "x, y, z" : "x, y"
        printf "| `%s(%s)` | %s | %s | %s |\n", name, arguments, operands, gradient, summary
    }' "$top/src/ir/ops.def"
}

# The rows OP of ops.def: those that a script calls, or the others.
ops() { # public|private
    echo '| op | signature | gradient | |'
    echo '| --- | --- | --- | --- |'
    awk -v want="$1" '
    /^OP\(/ {
        gsub(/\\"/, "\001")
        split($0, quoted, "\"")
        n = split($0, field, ",")
        for (i = 1; i <= 4; i++) gsub(/^[ ]+|[ ]+$/, "", field[i])
        name = field[1]; sub(/^OP\(/, "", name)
        kind = field[3] == "INNER" || field[4] ~ /^(LEAF|EFFECT|LOOP|RESULT)$/ || name == "slice" || name == "result_value" || name ~ /_(gradient|gather)$/ && name != "stop_gradient" ? "private" : "public"
        signature = quoted[2]; summary = quoted[4]
        gsub(/\001/, "\"", signature); gsub(/\001/, "\"", summary)
        if (kind == want)
            printf "| `%s` | `%s` | %s | %s |\n", name, signature, field[3] == "GRAD" ? "yes" : "", summary
    }' "$top/src/ir/ops.def"
}

builtins() {
    echo '| | |'
    echo '| --- | --- |'
    awk '
    /^(BUILTIN|METHOD)\(/ {
        gsub(/\\"/, "\001")
        split($0, quoted, "\"")
        gsub(/\001/, "\"", quoted[2]); gsub(/\001/, "\"", quoted[4])
        printf "| `%s` | %s |\n", quoted[2], quoted[4]
    }' "$top/src/eval/builtins.def"
}

# Definitions with what stands before their body; the first sentence of the comment above.
library() {
    echo '| | | |'
    echo '| --- | --- | --- |'
    for file in "$top"/stdlib/*.nn; do
        awk -v file="${file##*/}" '
        # a comment over several lines is one text; only its first sentence counts
        /^# / && head == "" { doc = doc (doc == "" ? "" : " ") substr($0, 3); next }
        /^#$/ && head == "" { doc = doc == "" ? "" : doc " "; next }
        # a head may go over several lines: to its body
        head != "" { sub(/^ +/, ""); head = head ($0 ~ /^[(\])]/ || head ~ /[(\[]$/ ? "" : " ") $0 }
        head == "" && /^(fn|layer|loss|metric|optimizer|transform) [a-z]/ { head = $0 }
        head != "" && (/\{$/ || /\}$/ || / =( |$)/) {
            sub(/\) =( .*|$)/, ")", head); sub(/ \{.*/, "", head); sub(/^(fn|layer|loss|metric|optimizer|transform) /, "", head)
            if (match(doc, /[.:] +[A-Za-z]/) && match(doc, /\. +[A-Z]|:  |\.  /)) doc = substr(doc, 1, RSTART - 1) "."
            sub(/:? *$/, "", doc)
            if (doc !~ /\.$/) doc = doc "."
            printf "| `%s` | %s | %s |\n", head, file, doc
            head = ""; doc = ""
            next
        }
        head != "" { next }
        { doc = "" }' "$file"
    done
}

table() {
    case $1 in
    elementwise) elementwise ;;
    ops) ops public ;;
    inner-ops) ops private ;;
    builtins) builtins ;;
    library) library ;;
    esac
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0
for name in elementwise ops inner-ops builtins library; do
    { echo; table $name; echo; } > "$work/$name"
    awk -v begin="<!-- $name -->" '$0 == begin { on = 1; next } /^<!-- end -->/ { on = 0 } on' "$page" > "$work/found"
    [ "${1:-}" = --write ] || cmp -s "$work/$name" "$work/found" || {
        echo "grammar/tables.md: the table \`$name\` is not what there is (< page, > sources); tests/check/docs_ops.sh --write mends it"
        diff "$work/found" "$work/$name"
        status=1
    }
done
if [ "${1:-}" = --write ]; then
    awk -v work="$work" '
    /^<!-- end -->/ { on = 0 }
    !on
    /^<!-- [a-z-]+ -->$/ && !/end/ { on = 1; while ((getline row < (work "/" $2)) > 0) print row }' "$page" > "$work/page" &&
        cat "$work/page" > "$page"
fi
exit $status
