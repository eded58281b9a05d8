"""Arrays as pictures: PNG, written with nothing but zlib (ISO/IEC 15948)."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["array_of", "guess_shape", "parse_shape", "png_of"]

_MOST_PIXELS: Final = 1 << 24
# A picture that is larger is shown by every second, third, ... pixel.
_MOST_SIDE: Final = 2048
_DTYPES: Final = {
    name: np.dtype(name)
    for name in ("uint8", "int8", "<u2", "<i2", "<i4", "<u4", "<f2", "<f4", "<f8", "<i8", "bool")
} | {
    name: np.dtype(name).newbyteorder("<")
    for name in ("uint16", "int16", "int32", "uint32", "float16", "float32", "float64", "int64")
}
_OF_SIZE: Final = {1: "uint8", 2: "uint16", 4: "float32", 8: "float64"}
_COLORS: Final = {1: 0, 2: 4, 3: 2, 4: 6}
_SHAPE: Final = re.compile(r"(\d+(?:[x,* ]+\d+)*)(?:[ :]+([a-z]+\d*))?")


def parse_shape(text: str) -> tuple[tuple[int, ...], str | None]:
    """Return shape and dtype of a text such as ``32x32x3`` or ``28x28 float32``.

    Raises ValueError for what is none.

    >>> parse_shape("32x32x3"), parse_shape("28, 28 float32")
    (((32, 32, 3), None), ((28, 28), 'float32'))
    """
    found = _SHAPE.fullmatch(text.strip().lower()) if len(text) < 100 else None
    if found is None or (found[2] is not None and found[2] not in _DTYPES):
        raise ValueError(
            f"{text[:100]!r} is no shape; write height x width x channels, such as 32x32x3, and a "
            "type where the bytes are not uint8: 28x28 float32"
        )
    shape = tuple(int(size) for size in re.findall(r"\d+", found[1]))
    if not 1 <= len(shape) <= 4 or not all(0 < size <= _MOST_PIXELS for size in shape):
        raise ValueError(f"{text[:100]!r}: a picture has 2 or 3 dimensions, none of them 0")
    return shape, found[2]


def array_of(values: Any, text: str) -> npt.NDArray[Any]:
    """Return bytes or numbers in the shape that a text says; ValueError where they do not fit."""
    shape, dtype = parse_shape(text)
    count = int(np.prod(shape, dtype=np.float64))
    if isinstance(values, bytes):
        each, rest = divmod(len(values), count)
        if dtype is None and not rest:
            dtype = _OF_SIZE.get(each)
        if dtype is None or count * _DTYPES[dtype].itemsize != len(values):
            raise ValueError(f"{text}: {count:,} values, but there are {len(values):,} bytes")
        values = np.frombuffer(values, _DTYPES[dtype])
    if values.size != count:
        raise ValueError(f"{text}: {count:,} values, but there are {values.size:,}")
    return np.asarray(values).reshape(shape)


def guess_shape(count: int) -> str | None:
    """Return the shape of a square picture that has so many bytes or values, if there is one.

    >>> guess_shape(784), guess_shape(3072), guess_shape(1000)
    ('28x28x1', '32x32x3', None)
    """
    for channels in (1, 3, 4):
        side = round((count / channels) ** 0.5)
        if side >= 8 and side * side * channels == count:
            return f"{side}x{side}x{channels}"
    return None


def png_of(array: npt.NDArray[Any]) -> bytes:
    """Return a picture of an array ``[height, width]`` or ``[height, width, channels]``.

    Channels may come first. What is not uint8 is spread between its least and largest value.
    Raises ValueError for another shape.
    """
    pixels = _pixels(array)
    step = -(-max(pixels.shape[:2]) // _MOST_SIDE)
    if step > 1:
        pixels = pixels[::step, ::step]
    if pixels.dtype != np.uint8:
        pixels = _spread(pixels)
    height, width, channels = pixels.shape
    # Each row has a byte before it that says that it is as it is.
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLORS[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(*part)
        for part in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(rows.tobytes(), 1)),
            (b"IEND", b""),
        )
    )


def _pixels(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim == 3 and array.shape[2] not in _COLORS and array.shape[0] in _COLORS:
        array = np.moveaxis(array, 0, 2)
    if array.ndim != 3 or array.shape[2] not in _COLORS or not array.size:
        raise ValueError(
            f"{list(array.shape)} is no shape of a picture: [height, width], or with 1, 2, 3 or 4 "
            "channels"
        )
    return array


def _spread(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    values = pixels.astype(np.float64)
    finite = values[np.isfinite(values)]
    least, largest = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if pixels.dtype.kind in "iu" and least >= 0 and 1 < largest <= 255:
        least, largest = 0.0, 255.0
    with np.errstate(all="ignore"):
        scaled = (values - least) * (255 / (largest - least) if largest > least else 0)
    return np.nan_to_num(scaled, nan=0, posinf=255, neginf=0).clip(0, 255).astype(np.uint8)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
