"""Pixels as upright RGB with the look that they have in a viewer: files, bytes, PIL images, arrays, tensors.

EXIF orientation is applied, transparency flattened on white, 16-bit, float, palette, CMYK and 1-bit pixels converted.
Pictures without pixels, of monstrous size or shape, damaged or cut short are refused with a :class:`PageError`.
"""

import importlib
import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .options import PageError, SourceOptions, reason_of, say_how
from .sources import ImageSource, head_of, is_tensor

logger = logging.getLogger(__name__)

MAX_ASPECT_RATIO = 500  # A text line 20 px high may be 10000 px long; beyond that it is no picture of a page.

# What Pillow may open. Left out on purpose: EPS and WMF (run other programs), and formats no page comes in.
# fmt: off
IMAGE_FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "HEIF", "ICNS", "ICO", "JPEG", "JPEG2000", "JXL", "MPO", "MSP", "PCX", "PNG", "PPM",
    "PSD", "QOI", "SGI", "TGA", "TIFF", "WEBP", "XBM",
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # ISO/IEC 23008-12
# fmt: on
_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I;16N")


def load_in_memory(source: ImageSource, name: str, options: SourceOptions) -> Image.Image | None:
    """Load what has its pixels with it.

    Args:
        source: What `load_image` takes.
        name: What to call it in an error.
        options: The limits.

    Returns:
        The picture; None for files, URLs and bytes.

    Raises:
        PageError: If it is no picture.
    """
    if isinstance(source, Image.Image):
        return convert_image(source, name, options)
    if is_tensor(source):
        return array_to_rgb(_array_of(source, name), name, options)
    if isinstance(source, np.ndarray):
        return array_to_rgb(source, name, options)
    return None


def _array_of(tensor: Any, name: str) -> np.ndarray:
    """Turn a torch tensor into an array with its channels at the end."""
    if tensor.is_floating_point():
        tensor = tensor.float()  # numpy knows no bfloat16.
    array = np.asarray(tensor.detach().cpu().numpy())
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 4:
        raise PageError(f"{name}: holds {array.shape[0]} pictures: give them as a list, one picture each.")
    if array.ndim == 3 and array.shape[0] in (1, 2, 3, 4) and array.shape[2] not in (1, 3, 4):
        array = np.moveaxis(array, 0, -1)
    return array


def to_rgb(image: Image.Image) -> Image.Image:
    """Turn any PIL image into upright RGB with the look it has in a viewer.

    EXIF orientation is applied; transparency is flattened on white; 16-bit, 32-bit and float pixels are scaled to 8
    bits by the range they are meant in; palette, CMYK, Lab and 1-bit images are converted. Of a multi-frame image the
    frame it stands at is taken. Colour profiles are not applied.

    Args:
        image: Any mode; not changed.

    Returns:
        A new RGB image.

    Raises:
        PageError: If the image has no pixels or can't be converted.
    """
    if 0 in image.size:
        raise PageError(f"a picture must have pixels, got {image.width} x {image.height}.")
    image.load()
    declared_depth, white_is_zero = _tiff_depth(image)
    image = _upright(image)
    transparency = image.info.get("transparency")
    if image.mode in (*_SIXTEEN_BIT_MODES, "I", "F"):
        values = np.asarray(image)
        gray = _to_bytes(values, top=2**declared_depth - 1 if declared_depth in (10, 12, 14) else None)
        if white_is_zero:
            gray = 255 - gray
        if isinstance(transparency, int):
            gray = np.where(values == transparency, 255, gray).astype(np.uint8)
        return Image.fromarray(gray).convert("RGB")
    if image.mode == "1" and transparency is not None:
        # A tRNS chunk of a 1-bit PNG counts 0 and 1, Pillow's pixels 0 and 255.
        image = image.convert("L")
        image.info["transparency"] = 255 if transparency else 0
    has_alpha = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or image.info.get("transparency") is not None
    if image.mode == "P" and image.palette is not None:
        has_alpha = has_alpha or image.palette.mode == "RGBA"
    if not has_alpha:
        return image.convert("RGB")
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    flat = Image.new("RGB", rgba.size, (255, 255, 255))
    flat.paste(rgba, mask=rgba.getchannel("A"))
    return flat


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; EXIF data that can't be read is as good as none."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Broken EXIF raises whatever its parser stumbles over; the pixels are whole all the same.
        return image


def _tiff_depth(image: Image.Image) -> tuple[int, bool]:
    """Bits a sample of a TIFF, and whether 0 is white, which Pillow leaves to us above 8 bits."""
    tags = getattr(image, "tag_v2", None)
    if image.format != "TIFF" or tags is None:
        return 0, False
    bits = tags.get(258, (0,))
    return (bits[0] if isinstance(bits, tuple) else bits), tags.get(262) == 0


def _to_bytes(values: np.ndarray, top: float | None = None) -> np.ndarray:
    """Scale pixels of any number type to 8 bits.

    Args:
        values: Any shape; bool, integer or float.
        top: The value that is white. None takes the end of the range that the values are meant in: 255, 4095 (12-bit
            scanners) or 65535 for integers, 1, 255 or 65535 for floats, or else their own minimum and maximum.

    Returns:
        The same shape, uint8. Not-a-number is white: no ink.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return np.where(values, 255, 0).astype(np.uint8)
    is_float = values.dtype.kind == "f"
    scaled: np.ndarray = values.astype(np.float32)
    finite = np.isfinite(scaled) if is_float else None
    known = scaled if finite is None or finite.all() else scaled[finite]
    if known.size == 0:
        return np.full(values.shape, 255, dtype=np.uint8)
    low, high = float(known.min()), float(known.max())
    bottom = 0.0
    if top is None:
        slack = 1.05 if is_float else 1.0  # Resampled floats overshoot a little.
        tops = (1.0, 255.0, 65535.0) if is_float else (255.0, 4095.0, 65535.0)
        top = next((top for top in tops if high <= top * slack and low >= high - high * slack), None)
    if top is None:
        bottom, top = low, high if high > low else low + 1
    scaled -= bottom
    scaled *= 255.0 / (top - bottom)
    scaled = np.nan_to_num(scaled, nan=255.0, posinf=255.0, neginf=0.0)
    eight_bits: np.ndarray = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return eight_bits


def array_to_rgb(array: np.ndarray, name: str, options: SourceOptions) -> Image.Image:
    """Turn (H, W) or (H, W, 1 to 4) into RGB; see `load_image` for what the numbers may be."""
    allowed = "(height, width) or (height, width, 1 to 4)"
    if array.dtype.kind not in "buif":
        raise PageError(f"{name}: an array must hold bool, integer or float pixels, got dtype {array.dtype}.")
    if array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4) and array.shape[0] in (1, 2, 3, 4):
        raise PageError(f"{name}: an array must be {allowed}, got {array.shape}: move the channels to the end.")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise PageError(f"{name}: an array must be {allowed}, got shape {array.shape}.")
    check_size(array.shape[1], array.shape[0], name, options)
    pixels = _to_bytes(array)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return to_rgb(Image.fromarray(np.ascontiguousarray(pixels)))


def check_size(
    width_px: int, height_px: int, name: str, options: SourceOptions, advice: str = "scale it down"
) -> None:
    """Refuse a picture without pixels, with too many, or of a monstrous shape.

    Args:
        width_px: Its width.
        height_px: Its height.
        name: What to call it in the error.
        options: The limits.
        advice: How it can be made smaller.

    Raises:
        PageError: If it is refused.
    """
    if width_px < 1 or height_px < 1:
        raise PageError(f"{name}: a picture must have pixels, got {width_px} x {height_px}.")
    if width_px * height_px > options.max_pixels:
        raise PageError(
            f"{name}: {width_px} x {height_px} pixels are {width_px * height_px:,}, at most {options.max_pixels:,} "
            f"are allowed{say_how(advice, options.means('raise {}', 'max_pixels'))}"
        )
    if max(width_px, height_px) > MAX_ASPECT_RATIO * min(width_px, height_px):
        raise PageError(
            f"{name}: {width_px} x {height_px} pixels is no shape of a page: the long side may be at most "
            f"{MAX_ASPECT_RATIO} times the short one: cut it into pieces."
        )


def open_image(data: Path | bytes, name: str, origin: str = "", file: io.IOBase | None = None) -> Image.Image:
    """Open without decoding.

    Args:
        data: The file, or its bytes.
        name: What to call it in an error.
        origin: Says in the error what a server called it.
        file: What to open instead, a part of it.

    Returns:
        The picture.

    Raises:
        PageError: If it is none, or is damaged.
    """
    Image.init()
    head = head_of(data, name)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and "HEIF" not in Image.OPEN:
        _register_heif(name)
    formats = [name for name in IMAGE_FORMATS if name in Image.OPEN]
    try:
        source: Any = file if file is not None else data if isinstance(data, Path) else io.BytesIO(data)
        return Image.open(source, formats=formats)
    except UnidentifiedImageError:
        raise PageError(
            f"{name}: is no picture that can be read{origin}, or its beginning is damaged: "
            "PNG, JPEG, TIFF, WebP, BMP, GIF and PDF are."
        ) from None
    except Image.DecompressionBombError:
        raise PageError(
            f"{name}: is far too large, more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, Pillow's own limit: "
            "scale it down or, if you trust it, raise max_pixels and PIL.Image.MAX_IMAGE_PIXELS."
        ) from None
    except OSError as error:
        raise PageError(f"{name}: can't be read: {reason_of(error)}.") from None
    except Exception as error:  # Decoders raise nearly anything over damaged data.
        raise PageError(f"{name}: is damaged: {reason_of(error)}: get it anew or save it again.") from None


def convert_image(image: Image.Image, name: str, options: SourceOptions) -> Image.Image:
    """Check the size, decode, convert; the image is not closed."""
    check_size(image.width, image.height, name, options)
    try:
        rgb = to_rgb(image)
    except (PageError, MemoryError):
        raise
    except Exception as error:  # Decoders raise nearly anything over damaged data.
        raise PageError(
            f"{name}: is cut short or damaged: {reason_of(error)}: get it anew or save it again."
        ) from None
    return rgb


def load_file(data: Path | bytes, name: str, options: SourceOptions, origin: str = "") -> Image.Image:
    """Load the first frame of a picture file."""
    with open_image(data, name, origin) as image:
        rgb = convert_image(image, name, options)
        if image.format in ("TIFF", "GIF", "PNG", "WEBP", "AVIF") and _has_several_frames(image):
            if image.format == "TIFF":
                logger.warning("%s: has several pages, the first is taken: iter_pages gives them all.", name)
            else:
                logger.warning("%s: is animated, its first frame is taken.", name)
        return rgb


def _register_heif(name: str) -> None:
    """Teach Pillow the pictures of telephones, by the extra that knows them."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        raise PageError(
            f"{name}: is a HEIC picture, which needs pillow-heif: pip install pillow-heif, or save it as JPEG."
        ) from None


def _has_several_frames(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # Looking for the second frame stumbles over damage behind the first, which is whole.
        return False
