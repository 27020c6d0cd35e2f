# Writes tests/data/png: small images in each of PNG's kinds, for check/data_images. The pixels follow a
# formula, so that what must be read is known without another decoder:
#     python3 tests/data/reference/make_png.py tests/data/png
import os
import struct
import sys
import zlib


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(path, width, height, depth, colour, rows, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) +
                chunk(b"IEND", b""))


folder = sys.argv[1]
H, W = 2, 3
value = lambda y, x, k: 10 + 60 * y + 20 * x + 5 * k    # 10 to 125

gray = [bytes(value(y, x, 0) for x in range(W)) for y in range(H)]
rgb = [bytes(value(y, x, k) for x in range(W) for k in range(3)) for y in range(H)]
rgba = [bytes(v for x in range(W) for v in (*[value(y, x, k) for k in range(3)], 255 if x else 0))
        for y in range(H)]
gray_alpha = [bytes(v for x in range(W) for v in (value(y, x, 0), 255 if x else 0)) for y in range(H)]
deep = [b"".join(struct.pack(">H", 257 * value(y, x, k)) for x in range(W) for k in range(3))
        for y in range(H)]
palette = b"".join(bytes(value(y, x, k) for k in range(3)) for y in range(H) for x in range(W))
indices = [bytes(W * y + x for x in range(W)) for y in range(H)]

png(folder + "/classes/cat/a.png", W, H, 8, 2, rgb)
png(folder + "/classes/cat/b.png", W, H, 8, 3, indices, chunk(b"PLTE", palette))
png(folder + "/classes/ant/c.png", W, H, 16, 2, deep)
png(folder + "/gray/a.png", W, H, 8, 0, gray)
png(folder + "/gray/bits.png", W, H, 1, 0, [b"\xa0", b"\x40"])
png(folder + "/alpha/a.png", W, H, 8, 6, rgba)
png(folder + "/alpha/b.png", W, H, 8, 3, indices, chunk(b"PLTE", palette) + chunk(b"tRNS", b"\0"))
png(folder + "/gray_alpha/a.png", W, H, 8, 4, gray_alpha)
png(folder + "/sizes/a.png", W, H, 8, 0, gray)
png(folder + "/sizes/b.png", 6, 4, 8, 0, [bytes(40 * y + 8 * x for x in range(6)) for y in range(4)])
png(folder + "/kinds/a.png", W, H, 8, 0, gray)
png(folder + "/kinds/b.png", W, H, 8, 2, rgb)
