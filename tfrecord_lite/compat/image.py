"""``tf.image`` and the images of ``tf.io``: decoded and encoded by Pillow (extra ``image``).

PNG, GIF and BMP decode to TensorFlow's pixels. JPEG does with ``dct_method="INTEGER_ACCURATE"``;
TensorFlow's own default is a faster, coarser transform, whose pixels lie up to some 6 levels from
these. A JPEG is encoded to TensorFlow's bytes (of the same libjpeg), a PNG to the same pixels.
"""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.compat._missing import missing
from tfrecord_lite.compat._tensor import StringTensor, Tensor, as_dtype
from tfrecord_lite.compat.errors import InvalidArgumentError, UnimplementedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["decode_image", "decode_jpeg", "decode_png", "encode_jpeg", "encode_png"]

__getattr__ = missing("tf.image")

_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# The channels that can be asked for, 0 for as many as there are.
_CHOICES = {"JPEG": (0, 1, 3), "PNG": (0, 1, 3, 4), "GIF": (0, 3), "BMP": (0, 3, 4)}
_CHANNELS = {"1": 1, "L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 3}
# Where in a PNG file its header says how the pixels are stored.
_PNG_BIT_DEPTH = 24
_PNG_COLOR_TYPE = 25
_PNG_GRAY_ALPHA = 4
# Dots per inch, as TensorFlow says of every JPEG.
_DENSITY = 300
# The luminance of a colour, in units of 2^-15 and rounded down as libpng computes it for
# TensorFlow.
_LUMINANCE = np.array([9797, 19234, 3737])


def decode_jpeg(
    contents: bytes, channels: int = 0, *, dct_method: str = "", name: str | None = None
) -> Tensor:
    """Decode an image to uint8 ``[height, width, channels]``: a JPEG, or a PNG or still GIF.

    ``channels`` is 0 (as many as the image has), 1 (grey), 3 or, for a PNG, 4. InvalidArgumentError
    for bytes that are no such image or a damaged one; ImportError without Pillow. Whatever
    ``dct_method`` says, the accurate one is used.
    """
    return _tensor(_decode_still(contents, channels))


def decode_png(
    contents: bytes, channels: int = 0, dtype: Any = np.uint8, name: str | None = None
) -> Tensor:
    """Decode an image as `decode_jpeg` does; with ``dtype`` uint16 to 16 bits."""
    if as_dtype(dtype) == np.uint8:
        return _tensor(_decode_still(contents, channels))
    if as_dtype(dtype) != np.uint16:
        raise _invalid(f"dtype={dtype!r}; choose uint8 or uint16")
    image = _open(contents, channels)
    if image.format != "PNG" or contents[_PNG_BIT_DEPTH] < 16:
        # 255 becomes 65535.
        return _tensor(_decode_still(contents, channels) * np.uint16(257))
    if not _is_16_bit_grey(image) or channels > 1:
        raise _unimplemented("decoding 16 bits in several channels")
    with _reading(image):
        image.load()
    return _tensor(np.asarray(image).astype(np.uint16)[..., None])


def decode_image(
    contents: bytes,
    channels: int | None = None,
    dtype: Any = np.uint8,
    name: str | None = None,
    expand_animations: bool = True,
) -> Tensor:
    """Decode a JPEG, PNG or BMP to uint8 ``[height, width, channels]``.

    A GIF gives ``[frames, height, width, 3]``, or with ``expand_animations=False`` its first frame.
    """
    if as_dtype(dtype) != np.uint8:
        raise _unimplemented(f"decode_image with dtype={dtype!r}, other than uint8,")
    image = _open(contents, channels or 0)
    if image.format != "GIF":
        return _tensor(_pixels(image, contents, channels or 0))
    frames = []
    for index in range(_count(image) if expand_animations else 1):
        with _reading(image):
            image.seek(index)
        frames.append(_pixels(image, contents, 3))
    with _reading(image):
        return _tensor(np.stack(frames) if expand_animations else frames[0])


def encode_jpeg(
    image: npt.ArrayLike,
    format: str = "",  # noqa: A002 - TensorFlow's name
    quality: int = 95,
    progressive: bool = False,
    optimize_size: bool = False,
    chroma_downsampling: bool = True,
    name: str | None = None,
) -> StringTensor:
    """Encode uint8 ``[height, width, 1 or 3]`` as JPEG.

    ``format`` is "grayscale", "rgb", or "" for what the channels say.
    """
    pixels = _checked(image, (np.uint8,), (1, 3))
    natural = "rgb" if pixels.shape[2] == 3 else "grayscale"
    if format not in ("", natural):
        raise _invalid(f"format={format!r}; these {pixels.shape[2]} channels are {natural!r}")
    if not 0 <= quality <= 100:
        raise _invalid(f"quality={quality}; choose one from 0 to 100")
    return _save(
        pixels,
        "JPEG",
        # Pillow takes 0 for its own default; libjpeg makes 1 of it.
        quality=max(quality, 1),
        progressive=progressive,
        optimize=optimize_size,
        subsampling="4:2:0" if chroma_downsampling and natural == "rgb" else "4:4:4",
        dpi=(_DENSITY, _DENSITY),
    )


def encode_png(
    image: npt.ArrayLike, compression: int = -1, name: str | None = None
) -> StringTensor:
    """Encode uint8 ``[height, width, 1 to 4]``, or uint16 ``[height, width, 1]``, as PNG.

    ``compression`` is zlib's level, -1 for the default.
    """
    pixels = _checked(image, (np.uint8, np.uint16), (1, 2, 3, 4))
    if pixels.dtype == np.uint16 and pixels.shape[2] != 1:
        raise _unimplemented("encoding 16 bits in several channels")
    if not -1 <= compression <= 9:
        raise _invalid(f"compression={compression}; choose one from -1 to 9")
    return _save(pixels, "PNG", **({} if compression < 0 else {"compress_level": compression}))


def _invalid(message: str) -> InvalidArgumentError:
    return InvalidArgumentError(None, None, message)


def _unimplemented(what: str) -> UnimplementedError:
    return UnimplementedError(None, None, f"{what} needs TensorFlow itself")


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "images are decoded and encoded by Pillow: pip install 'tfrecord-lite-np[image]'"
        ) from error
    return Image


def _open(contents: bytes, channels: int) -> Any:
    """Return Pillow's image, not yet decoded; InvalidArgumentError where the bytes are none."""
    if not isinstance(contents, bytes):
        raise TypeError(f"contents are the bytes of one image, not {type(contents).__name__}")
    pillow = _pillow()
    try:
        image = pillow.open(io.BytesIO(contents), formats=tuple(_CHOICES))
    except (*_PILLOW_ERRORS, pillow.DecompressionBombError) as error:
        raise _invalid(f"no JPEG, PNG, GIF or BMP image in these {len(contents)} bytes") from error
    if channels not in _CHOICES[image.format]:
        raise _invalid(
            f"channels={channels} of a {image.format} image; choose of {_CHOICES[image.format]}"
        )
    return image


def _decode_still(contents: bytes, channels: int) -> np.ndarray[Any, Any]:
    image = _open(contents, channels)
    if image.format == "BMP":
        raise _invalid("a BMP image; decode it with tf.io.decode_image")
    if image.format == "GIF":
        if (count := _count(image)) > 1:
            raise _invalid(f"a GIF of {count} frames; decode it with tf.io.decode_image")
        channels = 3
    return _pixels(image, contents, channels)


def _count(image: Any) -> int:
    with _reading(image):
        return int(image.n_frames)


def _pixels(image: Any, contents: bytes, channels: int) -> np.ndarray[Any, Any]:
    """Decode to uint8 ``[height, width, channels]``; an alpha channel is dropped or added."""
    if image.format == "JPEG" and channels == 1 and image.mode != "CMYK":
        # The file holds the luminance itself.
        image.draft("L", None)
    with _reading(image):
        image.load()
    if _is_16_bit_grey(image):
        image = _pillow().fromarray((np.asarray(image) >> 8).astype(np.uint8))
    channels = channels or _natural_channels(image, contents)
    if channels == 1 and image.mode not in ("1", "L", "LA"):
        weighted: np.ndarray[Any, Any] = np.asarray(image.convert("RGB")) @ _LUMINANCE
        return (weighted >> 15).astype(np.uint8)[..., None]
    pixels: np.ndarray[Any, Any] = np.asarray(image.convert(_MODES[channels]), np.uint8)
    return pixels.reshape(image.height, image.width, channels)


@contextmanager
def _reading(image: Any) -> Iterator[None]:
    """Name Pillow's many errors for what they are: a damaged image."""
    try:
        yield
    except (*_PILLOW_ERRORS, _pillow().DecompressionBombError) as error:
        raise _invalid(f"a damaged {image.format} image: {error}") from error


def _natural_channels(image: Any, contents: bytes) -> int:
    if image.mode == "P":
        return 4 if "transparency" in image.info else 3
    if image.format == "PNG" and contents[_PNG_COLOR_TYPE] == _PNG_GRAY_ALPHA:
        return 2
    return _CHANNELS[str(image.mode)]


def _is_16_bit_grey(image: Any) -> bool:
    return str(image.mode).startswith("I")


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    return array.view(Tensor)


def _checked(
    image: npt.ArrayLike, dtypes: tuple[type[np.generic], ...], channels: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    pixels = np.asarray(image)
    if pixels.dtype not in dtypes:
        names = " or ".join(dtype.__name__ for dtype in dtypes)
        raise _invalid(f"an image of {names} is wanted, not of {pixels.dtype}")
    if pixels.ndim != 3 or pixels.shape[2] not in channels or not pixels.size:
        raise _invalid(
            f"an image [height, width, channels of {channels}] is wanted, not {[*pixels.shape]}",
        )
    return pixels


def _save(pixels: np.ndarray[Any, Any], container: str, **options: Any) -> StringTensor:
    file = io.BytesIO()
    _pillow().fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(
        file, container, **options
    )
    return StringTensor(file.getvalue())
