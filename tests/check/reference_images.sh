#!/bin/sh
# conv2d_transpose, pad and resize with their gradients against PyTorch's figures.
. "$(dirname "$0")/reference.bash"

# [word_1, word_2, ..] of a file of figures
list() { # file word
    printf '['
    sed -n "s/^\($2_[0-9]*\) = .*/\1,/p" "$1" | tr '\n' ' '
    echo ']'
}

compare() { # dtype tolerance
    cat <<END
fn table(v, shape) = reshape(constant(v, dtype=$1), shape)
fn check(what, i, result, want) {
  difference = max(abs(result - table(want, result.shape)))
  assert(difference < $2, "{what} {i + 1} differs by {difference:g}")
}
END
}

transposed() {
    figures=$data/conv2d_transpose.txt
    cat "$figures"
    compare "$@"
    for name in case x filter y dy dx dfilter; do printf '%s = ' "all_$name"; list "$figures" "$name"; done
    cat <<'END'
for i in range(len(all_case)) {
  s = all_case[i]
  image = table(all_x[i], s[0:4])
  f = table(all_filter[i], [s[4], s[5], s[6] // s[15], s[3]])
  result = conv2d_transpose(image, f, strides=s[7:9], padding=s[9:11], size=s[11:13], dilation=s[13:15], groups=s[15])
  check("conv2d_transpose", i, result, all_y[i])
  g = gradients(sum(result * table(all_dy[i], result.shape)), [image, f])
  check("its gradient of x", i, g[0], all_dx[i])
  check("its gradient of the filter", i, g[1], all_dfilter[i])
}
END
}

images() {
    figures=$data/images.txt
    cat "$figures"
    compare "$@"
    for kind in pad resize; do
        for name in x y dy dx; do printf '%s_all_%s = ' $kind $name; list "$figures" "${kind}_$name"; done
        printf '%s_all = ' $kind; list "$figures" $kind
    done
    cat <<'END'
for i in range(len(pad_all)) {
  s = pad_all[i]
  image = table(pad_all_x[i], s[0:4])
  result = pad(image, [0, s[4:6], s[6:8], 0], mode=["constant", "reflect", "edge"][s[8]], value=s[9])
  check("pad", i, result, pad_all_y[i])
  check("its gradient", i, gradients(sum(result * table(pad_all_dy[i], result.shape)), image), pad_all_dx[i])
}
for i in range(len(resize_all)) {
  s = resize_all[i]
  image = table(resize_all_x[i], s[0:4])
  result = resize(image, s[4:6], method=["nearest", "bilinear"][s[6]])
  check("resize", i, result, resize_all_y[i])
  check("its gradient", i, gradients(sum(result * table(resize_all_dy[i], result.shape)), image), resize_all_dx[i])
}
END
}

for isa in portable avx2 avx512; do
    export NNRUN_ISA=$isa
    for part in transposed images; do
        $part float64 1e-12 | holds "$part float64 $isa"
        $part float 2e-5 | holds "$part float $isa"
    done
done
