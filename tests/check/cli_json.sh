#!/bin/bash
# --errors=json: every line of standard error is a JSON object with these fields, whatever the script holds.
. "$(dirname "$0")/cli.bash"

# Python's own reader where there is one, else the shape of the lines.
valid() {
    if command -v python3 > /dev/null; then
        python3 - err > why 2>&1 <<'PY' || wrong "not valid: $(tail -3 why)"
import json, sys
fields = {"severity", "code", "message", "file", "line", "column", "end_line", "end_column", "labels", "notes",
          "help", "trail"}
lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
assert lines.pop() == "" and lines, "no lines"
for line in lines:
    d = json.loads(line)
    assert set(d) == fields, set(d) ^ fields
    assert d["severity"] in ("error", "warning", "note")
    assert (d["file"] is None) == (d["line"] is None)
    assert d["severity"] == "note" or d["code"][0] in "EW"
    for part in d["labels"] + d["notes"]:
        assert isinstance(part["text"], str) and "line" in part
    for frame in d["trail"]:
        assert frame["library"] in (True, False)
PY
    else
        grep -qv '^{"severity": "[a-z]*", "code": .*"trail": \[.*\]}$' err && wrong 'a line is no object'
    fi
    return 0
}

json() { # STATUS COMMAND...
    expect "$1" "$nnrun" --errors=json "${@:2}" && valid
}
printf 'x = ones([2, 3])\ny = x @ ones([4, 5])\nprint(nowhere)\n' > two.nn
json 1 two.nn
err_has '{"severity": "error", "code": "E019", "message": "`@` needs equal inner sizes, but 3 is not 4"' \
    '"file": "two.nn", "line": 2, "column": 5, "end_line": 2, "end_column": 21' \
    '"labels": [{"text": "float[2, 3]: from ones, line 1", "file": "two.nn", "line": 2, "column": 5' \
    '"code": "E006", "message": "`nowhere` is not defined"'
json 1 -e 'print(dense(3)(cast([1], int)))'
json 1 -e 'print(dense(-3)(zeros([1, 2])))' && err_has '"library": true'
json 1 missing.nn && err_has '"file": null, "line": null'
printf 'print("\x01\xff\xe2\x82 \\q \\\\ \xf0\x9f\x98\x80\t" nowhere "x\n)(]\n' > odd.nn
json 1 odd.nn
printf 'a\rb\x7f = "\xe2\x80\xa8" ?\n' > control.nn
json 1 control.nn
yes 'x = )' | head -30 > many.nn
json 1 many.nn && err_has '"severity": "note", "code": null, "message": "10 more errors"'
head -c 3000 /dev/urandom | tr -d '\000' > noise.nn
expect 1 "$nnrun" --errors=json noise.nn && valid
json 0 -e 'param unused = 1' && err_has '"severity": "warning", "code": "W001"'
for file in "$TESTS"/errors/*.nn; do
    (cd "$TESTS" && "$nnrun" --errors=json "errors/${file##*/}" 2>&1 > /dev/null < /dev/null)
done > err
last='all of tests/errors'
valid
expect 2 "$nnrun" --errors=xml two.nn && err_has '--errors is json or text'
finish
