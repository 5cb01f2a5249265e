"""Decoders against Pillow: every kind of JPEG, PNG and WebP that can be made here, turned by EXIF
and XMP, whole and cut short.

usage: check_decode.py BUILD [ROUNDS]

BUILD/tests/resize_tool is the program made from resize_tool.c.  The wanted pixels: ImageOps.exif_transpose,
then alpha laid over white as transformers' convert_to_rgb does, then RGB.  Files are also cut short,
or zeros take the place of their ends: what is opened then, Pillow must open with the same pixels;
what is refused, Pillow must refuse too, or open with other pixels than the whole file's, or one of
the two checksums behind a PNG's pixels must be wrong, where Pillow looks at neither if it need not.
"""
import io
import random
import struct
import sys
import warnings
import zlib

import numpy as np
import PIL
from PIL import Image, ImageOps

from check_resize import Tool

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))


def wanted(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        if "A" in image.getbands() or image.info.get("transparency") is not None:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, (255, 255, 255, 255))
            image = Image.alpha_composite(white, image)
        return np.asarray(image.convert("RGB"))


def picture(generator, width, height, channels):
    """Waves and noise, as bytes."""
    y, x = np.mgrid[0:height, 0:width]
    out = np.empty((height, width, channels))
    for c in range(channels):
        a, b, phase = generator.uniform(-0.3, 0.3, 3)
        out[..., c] = 128 + 100 * np.sin(a * x + b * y + 9 * phase)
    return np.clip(out + generator.normal(0, 12, out.shape), 0, 255).astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_rows(samples, depth):
    """[rows, columns, channels] -> filter byte and packed samples, row by row."""
    rows = []
    for row in samples.reshape(samples.shape[0], -1):
        if depth == 16:
            packed = row.astype(">u2").tobytes()
        elif depth == 8:
            packed = row.astype(np.uint8).tobytes()
        else:
            bits = ((row[:, None] >> np.arange(depth)[::-1]) & 1).astype(np.uint8).reshape(-1)
            packed = np.packbits(bits).tobytes()
        rows.append(b"\0" + packed)
    return b"".join(rows)


def png(generator, width, height, depth, colour_type, interlaced, key, exif):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    top = (1 << depth) - 1
    samples = generator.integers(0, top + 1, (height, width, channels))
    if depth == 16 and colour_type == 0:
        samples[::2] //= 256
    if interlaced:
        raw = b"".join(pack_rows(samples[y::dy, x::dx], depth) for x, y, dx, dy in ADAM7
                       if samples[y::dy, x::dx].size)
    else:
        raw = pack_rows(samples, depth)
    before = after = b""
    if colour_type == 3:
        entries = random.randint(1, top + 1)
        before += chunk(b"PLTE", generator.bytes(3 * entries))
        if key:
            before += chunk(b"tRNS", generator.bytes(random.randint(1, entries)))
    elif key and colour_type in (0, 2):
        pixel = samples[random.randrange(height), random.randrange(width)]
        before += chunk(b"tRNS", b"".join(struct.pack(">H", int(v)) for v in pixel))
    if exif and random.random() < 0.5:
        before += chunk(b"eXIf", exif)
    elif exif:
        after += chunk(b"eXIf", exif)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    half = len(raw) // 2
    packed = zlib.compressobj()
    first = packed.compress(raw[:half]) + packed.flush(zlib.Z_SYNC_FLUSH)
    last = packed.compress(raw[half:]) + packed.flush()
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", first) +
            chunk(b"IDAT", last) + after + chunk(b"IEND", b""))


def exif_of(orientation):
    """A TIFF directory in one of the two byte orders, the tag as a short or a long."""
    order = random.choice("<>")
    kind = random.choice([3, 4])
    value = struct.pack(order + "HH", orientation, 0) if kind == 3 else \
        struct.pack(order + "I", orientation)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entries = struct.pack(order + "HHI", 271, 2, 4) + b"abc\0"
    entries += struct.pack(order + "HHI", 274, kind, 1) + value
    return head + struct.pack(order + "H", 2) + entries + struct.pack(order + "I", 0)


def xmp_of(orientation):
    form = random.choice(['tiff:Orientation="%d"', "<tiff:Orientation>%d</tiff:Orientation>"])
    return ("<x:xmpmeta> " + form % orientation + " </x:xmpmeta>").encode()


def jpeg(generator, width, height, exif, xmp):
    out = io.BytesIO()
    mode = random.choice(["L", "RGB", "RGB", "RGB", "CMYK"])
    pixels = picture(generator, width, height, {"L": 1, "RGB": 3, "CMYK": 4}[mode])
    image = Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode if mode != "L" else None)
    options = {"quality": random.randint(5, 98), "progressive": random.random() < 0.4}
    if mode == "RGB":
        options.update(random.choice([{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2},
                                      {"keep_rgb": True}]))
    if random.random() < 0.3:
        options["restart_marker_blocks"] = random.randint(1, 9)
    if exif:
        options["exif"] = b"Exif\0\0" + exif
    if xmp:
        options["xmp"] = xmp
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save(out, "JPEG", **options)
    return out.getvalue()


def webp(generator, width, height, exif, xmp):
    out = io.BytesIO()
    mode = random.choice(["RGB", "RGBA"])
    image = Image.fromarray(picture(generator, width, height, len(mode)))
    options = {"lossless": random.random() < 0.5, "quality": random.randint(5, 98)}
    if exif:
        options["exif"] = exif
    if xmp:
        options["xmp"] = xmp
    image.save(out, "WEBP", exact=True, **options)
    return out.getvalue()


def lacks_check(data):
    """Whether a PNG ends within zlib's checksum, or the end of the last block before it."""
    at = data.rfind(b"IDAT")
    return at > 0 and 0 < at + 4 + int.from_bytes(data[at - 4:at], "big") - len(data) <= 12


def main():
    tool = Tool(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    random.seed(11)
    generator = np.random.default_rng(11)
    failures = files = damaged_files = refused = opened = 0

    def judge(name, data):
        nonlocal failures, files, refused
        want = wanted(data)
        files += 1
        got = tool.ask(f"decode {len(data)}", data)
        if not isinstance(got, np.ndarray):
            failures += 1
            print(f"{name}: refused: {got}")
            return
        if got.shape != want.shape or not np.array_equal(got, want):
            failures += 1
            worst = np.abs(got.astype(int) - want).max() if got.shape == want.shape else got.shape
            print(f"{name}: differs, {worst}, wanted {want.shape}")
        size = random.randrange(1, len(data))
        zeros = bytes(random.randrange(1, 99))
        cut = [data[:size], data[:-random.randrange(1, 40)]]
        if name != "webp":  # zeros in its metadata, at which octavo does not look, are no damage
            cut += [data[:-2] + zeros, data[:size] + zeros, cut[1] + zeros,
                    data[:size] + bytes(len(data) - size)]
        for damaged in cut:
            judge_damaged(name, damaged, want)

    def judge_damaged(name, data, whole):
        nonlocal failures, damaged_files, refused, opened
        damaged_files += 1
        got = tool.ask(f"decode {len(data)}", data)
        try:
            want = wanted(data)
        except (OSError, SyntaxError, ValueError, IndexError, struct.error):
            want = None
        if isinstance(got, np.ndarray):
            opened += 1
            if want is None and b"eXIf" in data:
                return  # at which Pillow may have taken offence
            if want is None or not np.array_equal(got, want):
                failures += 1
                print(f"{name}: opened, {'refused by Pillow' if want is None else 'with other pixels'}")
        else:
            refused += 1
            unchecked = "IDAT: CRC" in str(got) or lacks_check(data)
            if want is not None and np.array_equal(want, whole) and not unchecked:
                failures += 1
                print(f"{name}: refused though it is whole: {got}")

    for _ in range(rounds):
        width, height = random.randint(1, 90), random.randint(1, 90)
        orientation = random.randint(1, 9)
        exif = exif_of(orientation) if random.random() < 0.6 else None
        xmp = xmp_of(orientation) if random.random() < 0.3 else None
        judge("jpeg", jpeg(generator, width, height, exif, xmp))
        judge("webp", webp(generator, width, height, exif, xmp))
        for colour_type, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)),
                                    (4, (8, 16)), (6, (8, 16))):
            for depth in depths:
                interlaced, key = random.random() < 0.4, random.random() < 0.4
                judge(f"png type {colour_type} depth {depth} interlaced {interlaced} key {key}",
                      png(generator, width, height, depth, colour_type, interlaced, key, exif))
    print(f"check_decode: {files} files against Pillow {PIL.__version__}, {failures} failed; "
          f"of {damaged_files} damaged ones {refused} were refused, {opened} opened")
    return 1 if failures or not files else 0


if __name__ == "__main__":
    sys.exit(main())
