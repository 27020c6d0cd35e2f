# What the reference_*.sh checks share: sourced, in the check's own folder. The figures of
# tests/data/reference are statements of the language, so figures and program make one script.
set -eu
nnrun=${NNRUN:-build/nnrun}
data=$(dirname "$0")/../data/reference

# holds WHAT: the script on standard input runs to its end
holds() {
    { cat; echo 'print("ok")'; } > script.nn
    { "$nnrun" script.nn > out 2> err && [ "$(tail -n 1 out)" = ok ]; } || {
        cat err
        echo "failed: $1"
        exit 1
    }
}
