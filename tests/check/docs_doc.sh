#!/bin/bash
# `nnrun doc`: every name has something said of it, and an example unless it is an inner operation; each example prints
# what it says. A name that is not there is refused with one like it.
. "$(dirname "$0")/cli.bash"
export XDG_CACHE_HOME=$PWD/cache NNRUN_MIRRORS=http://127.0.0.1:1
unset NNRUN_DATA

# what examples read
cp -r "${TESTS:?}"/data/npy/*.np? "$TESTS"/data/png/classes .

# examples: of the page in `out`, each into its own N.nn; lines `$ ..` before one are commands that make its files
extract() {
    rm -f [0-9]*.nn [0-9]*.sh
    awk '
    $0 == "Example:" { n++; on = 1; next }
    on && /^[^ ]/ { on = 0 }
    on && /^    \$ / { print substr($0, 7) > (n ".sh"); next }
    on && /^    / { print substr($0, 5) > (n ".nn") }' page
}

perform() { # NAME EXAMPLE
    last="doc $1: $2"
    [ ! -e "${2%.nn}.sh" ] || . "./${2%.nn}.sh"
    sed -n 's/^.*# expect: //p' "$2" > expected
    "$nnrun" "$2" > out 2> err < /dev/null || wrong "exit status $?"
    grep -q ': \(error\|warning\): ' err && wrong 'the example is not clean'
    [ -s expected ] || wrong 'the example does not say what it prints'
    cmp -s expected out || wrong "expected: $(cat expected)"
}

expect 0 "$nnrun" doc && silent
cp out list
before=
awk '/^[^ ].*:$/ { inner = /^Inner/ } /^  / { print $1, inner ? "inner" : "" }' list > names
[ "$(wc -l < names)" -gt 100 ] || wrong 'names are missing'
awk 'length > 98' list > out
[ -s out ] && wrong 'a line of the list is too long'
while read -r name kind; do
    [ "$name" != "$before" ] || wrong "$name is there twice"
    before=$name
    expect 0 "$nnrun" doc "$name" && silent
    [ "$(wc -l < out)" -gt 3 ] || wrong 'next to nothing is said'
    cp out page
    extract
    [ -e 1.nn ] || [ "$kind" = inner ] || wrong 'there is no example'
    for example in [0-9]*.nn; do
        [ -e "$example" ] && perform "$name" "$example"
    done
done < names

# Each row and each definition is listed, and each page is of something.
top=${TOP:?}
{
    sed -n 's/^\(EW[123]\|CMP2\|OP\)(\([a-z0-9_]*\),.*/\2/p' "$top/src/ir/ops.def"
    sed -n 's/^BUILTIN(\([a-z0-9_]*\),.*/\1/p; s/^METHOD([A-Z_]*, \([a-z_]*\),.*/\1/p' "$top/src/eval/builtins.def"
    sed -n 's/^\(fn\|layer\|loss\|metric\|optimizer\|transform\) \([a-z][a-z0-9_]*\)(.*/\2/p' "$top"/stdlib/*.nn
} | sort -u > rows
cut -d' ' -f1 names | sort -u > listed
comm -23 rows listed > out
[ -s out ] && wrong 'nnrun doc does not list these'
last='pages'
for file in src/ir/ops.md src/eval/builtins.md; do
    grep '^## ' "$top/$file" | cut -c4- | sort > out
    [ -z "$(uniq -d out)" ] || wrong "$file has a page twice"
    comm -23 out rows > gone
    [ -s gone ] && wrong "$file has pages of nothing: $(cat gone)"
done

# examples of a name that several things have are all there
expect 0 "$nnrun" doc resize && out_has 'fn resize(' 'resize(x, size, method="nearest")'
[ "$(grep -c '^Example:' out)" -eq 2 ] || wrong 'there are not two examples'
expect 0 "$nnrun" doc matmul && out_has 'b            [..., k, n], the dtype of a' 'result       [..., m, n]'
expect 0 "$nnrun" doc tanh && out_has 'x: g * (1 - r * r)' 'x       [...], float or float64'
expect 0 "$nnrun" doc pow && out_has 'x: g * (y * x ** (where(y == 0, 1, y) - 1))'
expect 0 "$nnrun" doc sub && out_has 'y: -g'
expect 0 "$nnrun" doc conv2d && out_has 'by conv2d_input_gradient and conv2d_filter_gradient' 'padding="SAME"'
expect 0 "$nnrun" doc argmax && out_has 'Gradient: none'
expect 0 "$nnrun" doc scan_result && out_has 'An inner operation' 'Gradient: yes'
expect 0 "$nnrun" doc scan && out_has 'result    [...], as said above'
expect 0 "$nnrun" doc adam && out_has 'optimizer adam(learning_rate=0.001,' 'Kingma & Ba 2015' 'Defined in stdlib/optimizers.nn:'
grep -q Gradient out && wrong 'an optimizer has no gradient'
expect 0 "$nnrun" doc softmax_cross_entropy && out_has 'Gradient: one of its own, stdlib/losses.nn:' '    gradient _cross_entropy('
expect 0 "$nnrun" doc hinge && out_has 'Gradient: that of the operations'
expect 0 "$nnrun" doc + @ && out_has 'add(x, y)' 'Written x + y.' 'Written a @ b.'
expect 0 "$nnrun" doc step.run && out_has 'step.run(t, .., name=value, ..)'
expect 0 "$nnrun" doc float32 && out_has 'float (or float32)'
expect 0 "$nnrun" doc relu dense '|>' && out_has 'relu(x)' 'layer dense(' '|>'
mkdir library && echo 'fn twice(x) = 2 * x # two    of it' > library/own.nn
expect 0 "$nnrun" --stdlib library doc twice && out_has 'fn twice(x)' 'two    of it' 'library/own.nn:1'
grep -q Example out && wrong 'it has no example'
expect 2 "$nnrun" doc denze && err_has 'nothing is called `denze`' 'did you mean nnrun doc dense?'
expect 2 "$nnrun" doc relu xyzzyx && out_has 'relu(x)' && err_has '`nnrun doc` lists all names'
expect 2 "$nnrun" doc _rows && err_has 'nothing is called'
finish
