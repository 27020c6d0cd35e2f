# What the cli_*.sh checks share: sourced, in the check's own folder.
set -u
nnrun=${NNRUN:-build/nnrun}
case $nnrun in /*) ;; *) nnrun=${TOP:-$PWD}/$nnrun ;; esac
n_failed=0

# expect STATUS COMMAND...: runs it with out and err; its exit status must be STATUS
expect() {
    local wanted=$1
    shift
    last="$*"
    "$@" > out 2> err < "${input:-/dev/null}"
    local status=$?
    [ "$status" -eq "$wanted" ] || wrong "exit status $status, expected $wanted"
}

# out TEXT: standard output is exactly this
out() {
    [ "$(cat out)" = "$1" ] || wrong "standard output is not: $1"
}

# out_has TEXT..., err_has TEXT...: some line has each of them
out_has() {
    for text; do grep -qF -e "$text" out || wrong "standard output lacks: $text"; done
}
err_has() {
    for text; do grep -qF -e "$text" err || wrong "standard error lacks: $text"; done
}

# refused CALL WORDS [COLUMN]: an error at the call, or there, when it is run and when it is checked
refused() {
    expect 1 "$nnrun" -e "$1" && err_has "<-e>:1:${3:-1}: error: " "$2"
    expect 1 "$nnrun" check -e "$1" && err_has "<-e>:1:${3:-1}: error: " "$2"
}

# silent: nothing on standard error
silent() {
    [ -s err ] && wrong "standard error is not empty"
    return 0
}

wrong() {
    n_failed=$((n_failed + 1))
    echo "$last"
    echo "    $1"
    echo "    -- out:" && head -c 1000 out
    echo "    -- err:" && head -c 1000 err
}

finish() {
    [ "$n_failed" -eq 0 ]
    exit
}
