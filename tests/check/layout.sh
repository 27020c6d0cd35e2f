#!/bin/bash
# Every script of the project is laid out: `nnrun fmt FILE` mends it. Not those of errors/, dump/ and fmt/, where a
# layout may be the matter.
. "$(dirname "$0")/cli.bash"

cd "$TOP" || exit 1
files=(models/*.nn stdlib/*.nn tests/lang/*.nn tests/lang/*/*.nn tests/stdlib/*.nn tests/models/*.nn)
"$nnrun" fmt --check "${files[@]}" | sed 's/^/not laid out: /'
exit "${PIPESTATUS[0]}"
