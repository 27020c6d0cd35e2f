#!/bin/sh
# Links between the pages of the project lead somewhere: the file is there, and so is the heading.
set -u
export LC_ALL=C
top=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$top" || exit 1
pages="README.md grammar/*.md models/README.md src/README.md tests/README.md"

# The anchors that headings of a page have, as code hosts make them.
anchors() {
    awk '/^```/ { code = !code } !code && /^#+ / {
        sub(/^#+ /, ""); $0 = tolower($0); gsub(/[^a-z0-9_ -]/, ""); gsub(/ /, "-"); print }' "$1"
}

n_links=0 status=0
for page in $pages; do
    for link in $(awk '/^```/ { code = !code } !code' "$page" | grep -o '](\([^)]*\))' | sed 's/^](//; s/)$//'); do
        case $link in http://* | https://* | mailto:*) continue ;; esac
        n_links=$((n_links + 1))
        path=${link%%#*} file=$page
        [ -z "$path" ] || file=$(dirname "$page")/$path
        [ -e "$file" ] || { echo "$page: no such file: $link"; status=1; continue; }
        case $link in
        *#*) anchors "$file" | grep -qxF "${link#*#}" || { echo "$page: no such heading: $link"; status=1; } ;;
        esac
    done
done
echo "$n_links links"
[ "$n_links" -gt 0 ] && [ "$status" -eq 0 ]
