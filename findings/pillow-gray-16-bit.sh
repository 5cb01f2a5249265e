#!/bin/sh
# Pillow 13.0.0.
#
# Guess: convert("L") and convert("RGB") scale a 16-bit gray image to 8 bits, 32768 to about 128, as
# opening a 16-bit colour image does.
# Seen: a gray one is cut off at 255, not scaled: whatever is over 1/257 of white becomes white.  The
# same gray stored as 16-bit colour is scaled.  A set of 16-bit scans that is prepared with
# convert("RGB"), as image processors do, is a set of white images.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check pillow==13.0.0
"$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
import io, struct, zlib
from PIL import Image

GRAYS = (0, 100, 255, 256, 1000, 32768, 65535)


def png(colour_type, channels):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    row = b"\0" + b"".join(struct.pack(">H", gray) * channels for gray in GRAYS)
    return io.BytesIO(b"\x89PNG\r\n\x1a\n"
                      + chunk(b"IHDR", struct.pack(">IIBBBBB", len(GRAYS), 1, 16, colour_type, 0, 0, 0))
                      + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b""))


print("16-bit values", *GRAYS)
for what, file in (("gray PNG", png(0, 1)), ("colour PNG", png(2, 3))):
    image = Image.open(file)
    print(what, image.mode, *image.convert("RGB").getchannel(0).tobytes())
PYTHON
cat "$work/seen"
diff "$work/seen" - <<'SEEN'
16-bit values 0 100 255 256 1000 32768 65535
gray PNG I;16 0 100 255 255 255 255 255
colour PNG RGB 0 0 0 1 3 128 255
SEEN
