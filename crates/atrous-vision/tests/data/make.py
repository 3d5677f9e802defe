"""Makes the fixtures of this folder with Pillow 13 and libjpeg-turbo's cjpeg: `python3 make.py`, in this folder.

resize_<filter>_<width>x<height>_to_<width>x<height>.png   Image.resize of the pattern below
decode_<kind>.<jpg|png|webp>                               a picture in an unusual mode
decode_<kind>.rgb.png                                      the same, upright, by Pillow's convert("RGB")
jpeg/<kind>_<scans>.jpg                                    a JPEG of unusual components and scans
jpeg/<kind>.rgb.png                                        the same, by Pillow's convert("RGB"): it does not depend on the scans
"""

import io
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image, ImageOps


def pattern(width, height):
    """Rough on purpose: neighbours differ widely, so that a wrong filter shows."""
    x, y, c = np.arange(width)[None, :, None], np.arange(height)[:, None, None], np.arange(3)
    return Image.fromarray(((7 * x * x + 13 * y * y + 5 * x * y + 91 * c) % 256).astype(np.uint8))


def smooth(width, height):
    """Few high frequencies, so that JPEG and lossy WebP keep it nearly as it is."""
    x, y = np.arange(width)[None, :], np.arange(height)[:, None]
    planes = np.broadcast_arrays(40 + 6 * x + 0 * y, 220 - 9 * y + 0 * x, 128 + 2 * x - 3 * y)
    return Image.fromarray(np.stack(planes, -1).clip(0, 255).astype(np.uint8))


FILTERS = ["nearest", "bilinear", "bicubic", "lanczos"]
SIZES = [((23, 17), (9, 7)), ((23, 17), (41, 30)), ((23, 17), (60, 5)), ((22, 40), (20, 13)), ((200, 150), (17, 13)), ((6, 9), (5, 15))]
for name in FILTERS:
    for (width, height), (to_width, to_height) in SIZES:
        result = pattern(width, height).resize((to_width, to_height), Image.Resampling[name.upper()])
        result.save(f"resize_{name}_{width}x{height}_to_{to_width}x{to_height}.png", optimize=True)


def keep(name, picture, **options):
    picture.save(f"decode_{name}", **options)
    upright = ImageOps.exif_transpose(Image.open(f"decode_{name}"))
    upright.convert("RGB").save(f"decode_{name.rsplit('.', 1)[0]}.rgb.png", optimize=True)


turned = Image.Exif()
turned[0x0112] = 6
rgb = smooth(24, 16)
alpha = Image.fromarray((np.arange(24 * 16) % 256).astype(np.uint8).reshape(16, 24))
rgba = rgb.copy()
rgba.putalpha(alpha)
keep("progressive.jpg", rgb, quality=95, progressive=True, subsampling=0, exif=turned)
keep("grey_jpeg.jpg", rgb.convert("L"), quality=95)
keep("cmyk.jpg", rgb.convert("CMYK"), quality=98, subsampling=0)
keep("lossy.webp", rgb, quality=95, exif=turned)
keep("lossless_alpha.webp", rgba, lossless=True, exact=True)
keep("exif.png", rgb, exif=turned)
keep("rgba.png", rgba)
keep("grey_alpha.png", rgba.convert("LA"))
keep("palette.png", rgb.quantize(16), transparency=3)
keep("bilevel.png", rgb.convert("1"))
# Pillow 8-bit results of 16-bit pictures keep the upper byte: multiples of 257 are the same either way.
grey16 = np.asarray(rgb.convert("L")).astype(np.uint16) * 257
Image.fromarray(grey16).save("decode_grey16.png")
rgb.convert("L").convert("RGB").save("decode_grey16.rgb.png", optimize=True)


# The components of each scan; for progressive scans also the coefficients, and the bits that were there before and are there after it.
SCANS = {
    "apart": "0; 1; 2;",
    "partly": "0 1; 2;",
    "backwards": "1 2; 0;",
    "progressive": "0 1 2: 0-0, 0, 2; 2: 1-63, 0, 0; 0: 1-5, 0, 1; 1: 1-63, 0, 0; 0 1 2: 0-0, 2, 1; 0: 6-63, 0, 0; 0: 1-5, 1, 0;"
    "0 1 2: 0-0, 1, 0;",
}


def cjpeg(picture, scans, *options):
    """A JPEG by cjpeg, with restart markers where scans hold several components."""
    source = io.BytesIO()
    picture.save(source, "PPM")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as script:
        script.write(SCANS[scans])
        script.flush()
        restart = ["-restart", "3B"] if scans in ("partly", "backwards") else []
        command = ["cjpeg", "-quality", "85", "-scans", script.name, *restart, *options]
        return subprocess.run(command, input=source.getvalue(), stdout=subprocess.PIPE, check=True).stdout


def keep_jpeg(kind, scans, data):
    """Stores a JPEG, and its pixels unless those of another JPEG of this kind are there, which must be equal."""
    pathlib.Path(f"jpeg/{kind}_{scans}.jpg").write_bytes(data)
    pixels, answer = Image.open(io.BytesIO(data)).convert("RGB"), pathlib.Path(f"jpeg/{kind}.rgb.png")
    if kind in KEPT:
        assert np.array_equal(np.asarray(pixels), np.asarray(Image.open(answer))), (kind, scans)
    KEPT.add(kind)
    pixels.save(answer, optimize=True)


def segments(data):
    """Offset, marker and length of each segment of a JPEG."""
    at, found = 2, []
    while data[at + 1] != 0xD9:
        if data[at] == 0xFF and data[at + 1] not in (0, *range(0xD0, 0xD8)):
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            found.append((at, data[at + 1], length + 2))
            at += length + 2
        else:
            at += 1
    return found


def one_table(data):
    """The JPEG with one quantisation table, which is defined anew before the second scan."""
    tables = [data[at : at + length] for at, marker, length in segments(data) if marker == 0xDB]
    frame = next(at for at, marker, _ in segments(data) if marker == 0xC0)
    second = [at for at, marker, _ in segments(data) if marker == 0xDA][1]
    data = bytearray(data)
    for component in range(3):
        data[frame + 10 + 3 * component + 2] = 0
    chroma = bytearray(tables[1])
    chroma[4] = 0
    return bytes(data[:second] + chroma + data[second:])


KEPT = set()
small = smooth(29, 19)
FACTORS = {
    "444": "1x1,1x1,1x1",
    "420": "2x2,1x1,1x1",
    "440": "1x2,1x1,1x1",
    "411": "4x1,1x1,1x1",
    "311": "3x1,1x1,1x1",
    "fine_chroma": "1x1,2x2,2x2",
    "mixed": "2x2,2x1,1x2",
}
for kind, factors in FACTORS.items():
    for scans in ("apart", "partly", "progressive"):
        keep_jpeg(kind, scans, cjpeg(small, scans, "-sample", factors))
keep_jpeg("420", "backwards", cjpeg(small, "backwards", "-sample", "2x2,1x1,1x1"))
keep_jpeg("420", "redefined", one_table(cjpeg(small, "apart", "-sample", "2x2,1x1,1x1")))
keep_jpeg("rgb", "apart", cjpeg(small, "apart", "-rgb"))
inks = io.BytesIO()
small.convert("CMYK").save(inks, "JPEG", quality=85, subsampling="4:2:0")
keep_jpeg("cmyk", "together", inks.getvalue())
keep_jpeg("ycck", "together", inks.getvalue().replace(b"Adobe\0\x64\0\0\0\0\0", b"Adobe\0\x64\0\0\0\0\2"))
# Left half red, its top blue, right half green.
corners = np.zeros((8, 16, 3), np.uint8)
corners[:4, :8, 2], corners[4:, :8, 0], corners[:, 8:, 1] = 255, 255, 255
Image.fromarray(corners).save("jpeg/corners.jpg", quality=95, subsampling=0)
