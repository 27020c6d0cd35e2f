#!/bin/bash
# load_images: PNG of every kind, classes by folder, other sizes as Pillow makes them, what does not fit together, and
# damage, which is never a crash.
. "$(dirname "$0")/cli.bash"
data=${TESTS:?}/data/png

# pixel (y, x) of channel k is 10 + 60 y + 20 x + 5 k in all of them
cat > script.nn <<EOF
fn bytes(x) = cast(round(x * 255), int)
c = load_images("$data/classes")
print(c.length, c.images.shape, c.labels, c.categories, c.name)
expected = 10 + 60 * iota(2)[:, new, new] + 20 * iota(3)[:, new] + 5 * iota(3)
for i in range(3) { print(all(bytes(c.images[i]) == expected)) }
g = load_images("$data/gray")
print(g.fields, bytes(g.images[..., 0]))
a = load_images("$data/alpha")
print(all(bytes(a.images[0, ..., 0:3]) == expected), bytes(a.images[..., 3]))
print(bytes(load_images("$data/alpha", channels=3).images[:, :, 0, 0]))
print(bytes(load_images("$data/gray_alpha").images[0, 0]))
print(bytes(load_images("$data/kinds", channels=3).images[:, 1, 2]))
s = load_images("$data/sizes", size=[2, 3])
print(bytes(s.images[..., 0]))
print(bytes(load_images("$data/sizes", size=[3, 5]).images[..., 0]))
placeholder x: float[batch, 2, 3, 3]
for b in c.batches(2, shuffle=false) { print("{mean(x).eval(x=b.images) * 255:.3f}", b.labels) }
EOF
expect 0 "$nnrun" script.nn && silent
cat > expected <<'EOF'
3 [3, 2, 3, 3] [0, 1, 1] {labels: ["ant", "cat"]} classes
true
true
true
["images"] [[[ 10,  30,  50],
  [ 70,  90, 110]],

 [[255,   0, 255],
  [  0, 255,   0]]]
true [[[  0, 255, 255],
  [  0, 255, 255]],

 [[  0, 255, 255],
  [255, 255, 255]]]
[[ 0,  0],
 [ 0, 70]]
[[ 10,   0],
 [ 30, 255],
 [ 50, 255]]
[[110, 110, 110],
 [110, 115, 120]]
[[[ 10,  30,  50],
  [ 70,  90, 110]],

 [[ 34,  49,  63],
  [ 97, 111, 126]]]
[[[ 10,  18,  30,  42,  50],
  [ 40,  48,  60,  72,  80],
  [ 70,  78,  90, 102, 110]],

 [[ 14,  23,  32,  41,  50],
  [ 62,  71,  80,  89,  98],
  [110, 119, 128, 137, 146]]]
65.000 [0, 1]
65.000 [1]
EOF
diff expected out || wrong 'the images differ'

refused "load_images(\"$data/sizes\")" "b.png is 4x6, but $data/sizes/a.png is 2x3"
refused "load_images(\"$data/kinds\")" "b.png is RGB, but $data/kinds/a.png is gray"
refused 'load_images("none")' 'there is no file "none"'
mkdir -p empty mixed/dog jpeg class/cat
refused 'load_images("empty")' 'there is no PNG image in empty'
cp "$data/gray/a.png" mixed && cp "$data/gray/a.png" mixed/dog
refused 'load_images("mixed")' 'mixed/a.png stands beside the folder mixed/dog'
cp "$data/gray/a.png" jpeg/a.jpg
refused 'load_images("jpeg")' 'jpeg/a.jpg is no PNG image, and no others are read'
cp "$data/gray/a.png" class/cat && mkdir class/dog
refused 'load_images("class")' 'class/dog is a class without images'
cp "$data/gray/a.png" class/dog && mkdir class/dog/brown
refused 'load_images("class")' 'class/dog/brown is a folder within a class'
mkdir fake && echo text > fake/a.png
refused 'load_images("fake")' 'fake/a.png is no PNG image, whatever its name says'
{ head -c 16 "$data/gray/a.png"; printf '\x00\x01\x00\x00\x00\x01\x00\x00'; tail -c +25 "$data/gray/a.png"; } > fake/a.png
refused 'load_images("fake")' 'fake/a.png announces more pixels than its bytes can hold'
refused 'load_images("gray", size=[0, 3])' '`size` must be [height, width]' 26
refused 'load_images("gray", channels=5)' '`channels` must be 1' 30

# what is neither an image nor hidden is left out, and said
mkdir notes && cp "$data/gray/a.png" notes && echo text > notes/README && echo text > notes/.hidden
expect 0 "$nnrun" -e 'load_images("notes")' && err_has '1 file that is no image is left out: notes/README'

# damage to any byte: an image, or a message
mkdir damaged
for at in $(seq 0 8 "$(stat -c %s "$data/alpha/b.png")"); do
    { head -c "$at" "$data/alpha/b.png"; printf '\xff'; tail -c +$((at + 2)) "$data/alpha/b.png"; } > damaged/a.png
    "$nnrun" -e 'print(load_images("damaged").length)' > out 2> err < /dev/null
    status=$? last="damaged at $at"
    [ "$status" -le 1 ] || wrong "exit status $status"
    head -c "$at" "$data/alpha/b.png" > damaged/a.png
    "$nnrun" -e 'print(load_images("damaged").length)' > out 2> err < /dev/null
    status=$? last="cut at $at"
    [ "$status" -le 1 ] || wrong "exit status $status"
done
finish
