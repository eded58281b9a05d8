"""Byte strings of few sizes made by NumPy, in a loop of its own, and not one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["as_bytes", "check_records", "contiguous", "lost_nuls", "strings_by_size"]


def strings_by_size(
    buffer: Uint8Array, begin: Int64Array, size: Int64Array
) -> npt.NDArray[np.object_] | None:
    """Return the byte strings at ``begin``, of ``size`` bytes, as an object array of ``bytes``.

    NumPy makes ``bytes`` of an item of void dtype, trailing NULs included; an item of each size has
    a dtype, so strings are sorted by size. None where that takes longer: they are large, or their
    sizes many.

    >>> buffer = np.frombuffer(b"abcde", np.uint8)
    >>> strings_by_size(buffer, np.array([0, 3]), np.array([2, 2])).tolist()
    [b'ab', b'de']
    """
    values = np.empty(len(begin), object)
    if not len(begin):
        return values
    if int(size.max()) > thresholds.grouped_string_bytes:
        return None
    sizes = np.flatnonzero(np.bincount(size)).tolist()
    if len(sizes) * thresholds.strings_per_size > len(begin) and len(sizes) > 1:
        return None
    for each in sizes:
        rows = np.flatnonzero(size == each) if len(sizes) > 1 else slice(None)
        values[rows] = _of_one_size(buffer, begin[rows], each)
    return values


def _of_one_size(buffer: Uint8Array, begin: Int64Array, size: int) -> Any:
    if size == 0:
        return b""
    every: Any = np.ndarray((len(buffer) - size + 1,), f"V{size}", buffer=buffer, strides=(1,))
    return every[begin].astype(object)


def as_bytes(data: object) -> bytes:
    """Return the bytes of a bytes-like object; of bytes, themselves; TypeError for all else.

    For text, too, for masked values, and for objects, whose memory has no bytes but places.
    """
    return data if type(data) is bytes else _view_of(data, "a record").tobytes()


def contiguous(data: object, what: str = "a record") -> bytes | memoryview:
    """Return the memory of a C-contiguous bytes-like object; TypeError for all else.

    The error is about ``what``; see `as_bytes`.
    """
    if type(data) is bytes:
        return data
    view = _view_of(data, what)
    if not view.c_contiguous:
        raise TypeError(f"{what}'s memory must be C-contiguous; pass a copy")
    return view


def _view_of(data: object, what: str) -> memoryview:
    if isinstance(data, str):
        raise TypeError(f"{what} is bytes, not str; encode the text first: text.encode()")
    try:
        view = memoryview(data)  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        found = f"{what} is bytes or bytes-like, not {type(data).__name__}"
        raise TypeError(found + _way_out(data)) from None
    if "O" in view.format:
        way_out = _way_out(data) or "; pass these one by one"
        raise TypeError(f"{what} is bytes, not an array of objects{way_out}")
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise TypeError(f"{what} is bytes, and these are masked; fill them, or leave them out")
    return view


def _way_out(data: object) -> str:
    """Say what to pass for an object that has bytes, or of which some are made."""
    if hasattr(data, "SerializeToString"):
        return "; pass its SerializeToString()"
    if hasattr(data, "numpy"):
        return "; pass its .numpy()"
    return "; encode_example makes a record of a mapping" if isinstance(data, Mapping) else ""


def check_records(records: object) -> None:
    """Raise TypeError for an array of records that may have lost their last bytes, or are masked.

    See `lost_nuls`.
    """
    if not isinstance(records, np.ndarray):
        return
    if isinstance(records, np.ma.MaskedArray) and np.ma.is_masked(records):
        raise TypeError("these records are masked; fill them, or leave them out")
    if records.dtype.kind == "S" and (lost := lost_nuls(records)):
        raise TypeError(f"record {lost[0]}: {lost[1]}")


def lost_nuls(array: npt.NDArray[Any]) -> tuple[int, str] | None:
    """Find an element of an array of dtype S or U that may have lost trailing NULs.

    NumPy takes trailing NULs off such elements, and nothing tells whether they had any. Bytes may
    well end with a NUL, as a hash does: each has to be as long as the dtype allows. Text hardly
    does: where one is as long as the dtype allows, the dtype was made to measure, and the others
    are what NumPy says. Returns the element's index in C order and an error's text.
    """
    text = array.dtype.kind == "U"
    width = array.dtype.itemsize // (4 if text else 1)
    short = np.char.str_len(np.asarray(array)).reshape(-1) < width
    if not (short.size and (short.all() if text else short.any())):
        return None
    index = int(np.argmax(short))
    found = f"no element has {width} characters"
    if not short.all():
        found = f"element {index} has less than {width} bytes"
    return index, (
        f"an array of dtype {array.dtype} in which {found}: NumPy may have dropped trailing NULs; "
        "pass a list, or an array of dtype=object; .astype(object) where none can be missing"
    )
