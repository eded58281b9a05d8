"""NumPy's arrays as torch's tensors, without copies where that is safe."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import torch

from tfrecord_lite.dataset.wrapped import each_item
from tfrecord_lite.example.ragged import Ragged

__all__ = ["Offsets", "RaggedForm", "check_ragged", "pinned", "to_tensor", "to_tensors"]

RaggedForm: TypeAlias = Literal["offsets", "nested"]

# Types that NumPy has from the package ml_dtypes, by their names, which are torch's too.
_BY_NAME: Final = (
    "bfloat16",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
)
_PLAIN: Final = frozenset(map(np.dtype, "?bhilqBHILQefdFD"))
_KINDS: Final = "biufc"
_MAX_FLOAT_BYTES: Final = 8


class Offsets(NamedTuple):
    """Rows of different lengths; row i is ``values[offsets[i]:offsets[i + 1]]``.

    ``values`` is a tensor ``[values]``, a list of byte strings, or of steps another `Offsets`;
    ``offsets`` is an int64 tensor ``[rows + 1]`` that begins with 0.
    """

    values: Any
    offsets: torch.Tensor


def check_ragged(ragged: str) -> None:
    """Raise ``ValueError`` for what is no form of ragged columns."""
    if ragged not in ("offsets", "nested"):
        raise ValueError(f"ragged={ragged!r}; choose 'offsets' or 'nested'")


def to_tensors(value: Any, ragged: RaggedForm = "offsets") -> Any:
    """Return a batch, or what a function made of one, with tensors in place of arrays.

    Dicts, lists and tuples stay what they are; all else that is neither array nor `Ragged` is
    returned as it is.

    >>> to_tensors({"label": np.array([1, 2]), "name": np.array([b"a", b"b"], object), "k": 3})
    {'label': tensor([1, 2]), 'name': [b'a', b'b'], 'k': 3}
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return to_tensor(value)
    if isinstance(value, Ragged):
        return _rows(value, ragged)
    return each_item(value, lambda item: to_tensors(item, ragged))


def to_tensor(array: Any) -> Any:
    """Return the tensor of an array, which shares its memory where torch may write to that.

    So it does but for arrays that are read-only, are not of this machine's byte order, or have
    strides that torch has not (negative ones, and those of a field of a structured array), which
    are copied. Byte strings and text are lists, and what torch has no type
    for is returned as it is.

    >>> array = np.arange(3, dtype=np.float32)
    >>> tensor = to_tensor(array)
    >>> array[0] = 7
    >>> tensor
    tensor([7., 1., 2.])
    >>> to_tensor(np.array([[b"a"], [b"b"]], object))
    [[b'a'], [b'b']]
    """
    array = np.asarray(array)
    dtype = array.dtype
    if dtype.kind in "OSU":
        return array.tolist()
    # The name of a type takes longer to be made than all of this.
    if dtype not in _PLAIN:
        if dtype.name in _BY_NAME:
            bits = to_tensor(array.view(np.uint8 if dtype.itemsize == 1 else np.uint16))
            return bits.view(getattr(torch, dtype.name))
        if dtype.kind not in _KINDS or dtype.itemsize > _MAX_FLOAT_BYTES * (
            1 + (dtype.kind == "c")
        ):
            return array
    if not dtype.isnative:
        array = array.astype(dtype.newbyteorder("="))
    elif not array.flags.writeable or any(
        stride < 0 or stride % dtype.itemsize for stride in array.strides
    ):
        array = array.copy()
    return torch.from_numpy(array)


def pinned(value: Any) -> Any:
    """Return the same with its tensors in memory from which a GPU copies on its own."""
    if isinstance(value, torch.Tensor):
        return value.pin_memory()
    return each_item(value, pinned)


def _rows(ragged: Ragged, form: RaggedForm) -> Any:
    first, last = int(ragged.row_splits[0]), int(ragged.row_splits[-1])
    # A slice's splits begin anywhere.
    values = ragged.values[first:last]
    offsets = to_tensor(ragged.row_splits - first if first else ragged.row_splits)
    if isinstance(values, Ragged):
        return Offsets(_rows(values, "offsets"), offsets)
    found = to_tensor(values)
    if form == "nested" and isinstance(found, torch.Tensor):
        return torch.nested.nested_tensor_from_jagged(found, offsets)
    return Offsets(found, offsets)
