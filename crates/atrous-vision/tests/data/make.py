"""Makes the fixtures of this folder with Pillow 13: `python3 make.py`, in this folder.

resize_<filter>_<width>x<height>_to_<width>x<height>.png   Image.resize of the pattern below
decode_<kind>.<jpg|png|webp>                               a picture in an unusual mode
decode_<kind>.rgb.png                                      the same, upright, by Pillow's convert("RGB")
"""

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
