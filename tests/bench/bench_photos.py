"""The photographs that bench_dups.py and parity_phash.py read, and hashes of pixels by libwit.

They come from Debian packages that tools/setup --peers unpacks into .cache/photos: 45 photographs of
wallpaper packages, photographs of things without their background from tuxpaint-stamps-default (laid
on white) and of the pages of a manuscript from stellarium-data. Drawn wallpapers are left out.
"""

import ctypes
import glob
import hashlib
import os

import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, ".cache", "photos")

WALLPAPERS = (
    "mate-backgrounds/usr/share/backgrounds/mate/nature/*.jpg",
    "mate-backgrounds/usr/share/backgrounds/mate/abstract/Elephants.jpg",
    "lomiri-wallpapers-16.04/usr/share/backgrounds/*.jpg",
    "lomiri-wallpapers-20.04/usr/share/backgrounds/*.jpg",
    "ukui-wallpapers/usr/share/backgrounds/calla.png",
    "ukui-wallpapers/usr/share/backgrounds/city.png",
    "ukui-wallpapers/usr/share/backgrounds/desert.png",
    "plasma-workspace-wallpapers/usr/share/wallpapers/[ABCDEFGOs]*/contents/images/2560x1600.jpg",
)
THINGS = (
    "tuxpaint-stamps-default/usr/share/tuxpaint/stamps/**/*.png",
    "stellarium-data/usr/share/stellarium/skycultures/greek_leidenAratea/descr_pics/*",
)
# Drawn; mirrored copies; one toy photographed five times, which are near-duplicates.
NO_THINGS = ("cartoon", "symbols/alph", "symbols/shapes", "symbols/math", "symbols/music", "_mirror",
             "_flip", "dreydl")
LEAST_PX = 120


def _files(folder, patterns):
    found = []
    for pattern in patterns:
        found += sorted(glob.glob(os.path.join(folder, pattern), recursive=True))
    return found


def load(path):
    """RGB; what is transparent becomes white."""
    image = Image.open(path)
    if image.mode in ("RGBA", "LA", "P"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    return image.convert("RGB")


def photographs(folder=FOLDER, most=300):
    """Paths of at most `most` photographs, wallpapers first, none twice; and how many of the first
    are wallpapers."""
    paths, seen = [], set()
    walls = _files(folder, WALLPAPERS)
    for path in walls + _files(folder, THINGS):
        if path not in walls and any(word in path for word in NO_THINGS):
            continue
        with open(path, "rb") as f:
            digest = hashlib.sha256(f.read()).digest()
        try:
            size = Image.open(path).size
        except OSError:
            continue
        if digest in seen or min(size) < LEAST_PX or len(paths) == most:
            continue
        seen.add(digest)
        paths.append(path)
    return paths, sum(path in walls for path in paths)


class _View(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("stride_bytes", ctypes.c_size_t),
                ("width", ctypes.c_uint32), ("height", ctypes.c_uint32)]


class _Hashes(ctypes.Structure):
    _fields_ = [("pdq", ctypes.c_uint64 * 4), ("area", ctypes.c_uint64 * 4),
                ("quality", ctypes.c_int)]


class Phasher:
    """libwit's hashes of RGB images: bits 0 to 255 as uint8, and the quality."""

    def __init__(self, build):
        self.lib = ctypes.CDLL(os.path.join(build, "libwit.so"))
        self.lib.wit_image_phasher_create.restype = ctypes.c_void_p
        self.handle = ctypes.c_void_p(self.lib.wit_image_phasher_create())

    def __call__(self, image):
        pixels = np.ascontiguousarray(np.asarray(image))
        height, width, _ = pixels.shape
        view = _View(pixels.ctypes.data, 3 * width, width, height)
        out = _Hashes()
        status = self.lib.wit_image_phash_compute(self.handle, ctypes.byref(view),
                                                  ctypes.byref(out), None)
        if status != 0:
            raise MemoryError(f"wit_image_phash_compute: {status}")

        def bits(words):
            return np.unpackbits(np.array(words[:], dtype="<u8").view(np.uint8), bitorder="little")
        return bits(out.pdq), bits(out.area), out.quality
