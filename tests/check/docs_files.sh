#!/bin/sh
# src/README.md lists every file of src/, names none that is not there, and shows the ranks of tests/include_ranks.
set -u
export LC_ALL=C
top=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$top/src" || exit 1

# `x` stands for x.c and x.h; every other file by its whole name.
find . -name '*.[ch]' -o -name '*.def' -o -name '*.md' ! -name README.md | sed 's|^\./||' | while read -r file; do
    stem=${file%.*}
    case $file in
    *.c) echo "$stem" ;;
    *.h) [ -f "$stem.c" ] || echo "$file" ;;
    *) echo "$file" ;;
    esac
done | sort > "$work/files"
touch "$work/later"
awk -v later="$work/later" '
/^## / { on = $0 == "## The files" }
!on { next }
/^\*\*`/ { folder = $0; sub(/^\*\*`/, "", folder); sub(/`.*/, "", folder); if (folder == ".") folder = "" }
/^- `/ {
    n = split($0, part, "`")
    for (i = 2; i <= n; i += 2) {
        print folder part[i]
        if (part[i + 1] ~ /^:/) break
    }
    # A line may list more files behind its first colon; only what is there counts.
    for (i += 2; i <= n; i += 2) print folder part[i] > later
}' "$top/src/README.md" | sort -u > "$work/listed"
status=0
sort -u "$work/listed" "$work/later" | comm -23 "$work/files" - > "$work/missing"
[ ! -s "$work/missing" ] || { echo 'src/README.md does not list:'; cat "$work/missing"; status=1; }
comm -13 "$work/files" "$work/listed" > "$work/gone"
[ ! -s "$work/gone" ] || { echo 'src/README.md lists what is not there:'; cat "$work/gone"; status=1; }

awk '/^```$/ { on = !on; next } on && / -> / { name = $1; sub(/.*-> /, ""); print name ": " $0 }' README.md | grep -v '^base:' | sort > "$work/shown"
sed -n 's/^ *may\["\([a-z]*\)"\] = "\(.*\)"$/\1: \2/p' "$top/tests/include_ranks" | awk '
{ own = $1; sub(/:/, "", own); out = own ":"; for (i = 2; i <= NF; i++) if ($i != own) out = out " " $i }
own != "base" { print out }' | sort > "$work/ranks"
cmp -s "$work/shown" "$work/ranks" || { echo 'ranks differ (< src/README.md, > tests/include_ranks):'; diff "$work/shown" "$work/ranks"; status=1; }
exit $status
