"""What TensorFlow's eager tensors are here: NumPy arrays, and bytes, that have a ``numpy()``.

Numbers are a NumPy array of the class `Tensor`. A single string is a `StringTensor`, which is
``bytes``, so that it goes into a BytesList as it is; strings in an array are ``bytes`` objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "StringTensor",
    "Tensor",
    "as_dtype",
    "constant",
    "convert_to_tensor",
    "is_tensor",
    "tensor_of",
]

# From one of these to one further right is no loss of kind.
_KINDS = "bifc"
_TYPES: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("b", (bool, np.bool_)),
    ("i", (int, np.integer)),
    ("f", (float, np.floating)),
    ("c", (complex, np.complexfloating)),
    ("s", (str, bytes)),
)


class StringTensor(bytes):
    """A single string, as TensorFlow's functions return it: ``bytes`` with a ``numpy()``."""

    __slots__ = ()
    dtype = bytes
    shape = ()

    def numpy(self) -> bytes:
        """Return the string as plain ``bytes``."""
        return bytes(self)


class _TensorType(type):
    """Has a `StringTensor` pass for a `Tensor` in isinstance: in TensorFlow both are tensors."""

    def __instancecheck__(cls, instance: object) -> bool:
        return type.__instancecheck__(cls, instance) or isinstance(instance, StringTensor)


class Tensor(np.ndarray[Any, np.dtype[Any]], metaclass=_TensorType):
    """An array, as TensorFlow's functions return it: a NumPy array with a ``numpy()``.

    Tutorials know tensors by ``isinstance(value, type(tf.constant(0)))``: this class, and no array
    of NumPy's own.
    """

    def numpy(self) -> Any:
        """Return a plain array; of a single value the NumPy scalar."""
        return self.view(np.ndarray)[()]


def is_tensor(x: object) -> bool:
    """Tell whether ``x`` was made by a function of this package."""
    return isinstance(x, Tensor)


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the NumPy dtype for a name or dtype of TensorFlow's; strings are objects."""
    dtype = getattr(dtype, "as_numpy_dtype", dtype)
    return np.dtype(object if dtype in (bytes, str, "string") else dtype)


def tensor_of(array: np.ndarray[Any, Any]) -> Tensor | StringTensor:
    """Return the tensor of an array that already has its dtype."""
    if array.dtype == object and not array.ndim:
        return StringTensor(array.item())
    return array.view(Tensor)


def constant(
    value: Any, dtype: Any = None, shape: Sequence[int] | None = None, name: str = "Const"
) -> Tensor | StringTensor:
    """Make a tensor of a number, a string, a list, nested lists of one shape, or an array.

    As in TensorFlow a Python int becomes int32 (int64 where it must), a float float32, a str UTF-8
    bytes; arrays and NumPy's floats keep their dtype. A list of strings and numbers, a ragged one,
    or a value that the dtype cannot hold is a ValueError (TensorFlow lets integers wrap), a dtype
    of a lesser kind a TypeError.

    >>> constant([1, 2]).dtype, constant("abc").numpy()
    (dtype('int32'), b'abc')
    """
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(value, (np.ndarray, np.generic)) and not isinstance(value, (str, bytes)):
        array = _from_numpy(value, wanted)
    else:
        array = _from_python(value, wanted)
    if shape is not None:
        array = np.full(shape, array, array.dtype) if array.size == 1 else array.reshape(shape)
    return tensor_of(array)


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Tensor | StringTensor:
    """Make a tensor, as `constant` does."""
    return constant(value, dtype)


def _from_numpy(
    value: np.ndarray[Any, Any] | np.generic, wanted: np.dtype[Any] | None
) -> np.ndarray[Any, Any]:
    array = np.array(value)
    if array.dtype.kind in "mMV" and not _is_extension(array.dtype):
        raise ValueError(f"TensorFlow has no dtype for NumPy's {array.dtype}")
    if not array.size and wanted is not None:
        return np.empty(array.shape, wanted)
    if array.dtype.kind in "SUO":
        return _strings(array.astype(object), wanted)
    if wanted is None:
        return array
    if wanted.kind == "O":
        raise TypeError(f"cannot make a string tensor of {array.dtype} values; pass bytes or str")
    return array.astype(wanted)


def _is_extension(dtype: np.dtype[Any]) -> bool:
    """Tell whether a dtype is one of ml_dtypes', whose kind is that of raw memory: bfloat16."""
    return dtype.kind == "V" and issubclass(dtype.type, np.generic) and dtype.type is not np.void


def _from_python(value: Any, wanted: np.dtype[Any] | None) -> np.ndarray[Any, Any]:
    leaves = np.array(value, dtype=object)
    kinds = {_kind(leaf) for leaf in leaves.flat}
    if "s" in kinds:
        if kinds != {"s"}:
            raise ValueError("cannot make one tensor of strings and numbers")
        return _strings(leaves, wanted)
    if "b" in kinds and len(kinds) > 1:
        raise ValueError("cannot make one tensor of booleans and numbers")
    if not leaves.size and wanted is not None:
        return np.empty(leaves.shape, wanted)
    kind = max(kinds, key=_KINDS.index, default="f")
    dtype = _natural(kind, value, leaves) if wanted is None else wanted
    # find gives -1 for strings; bfloat16, of NumPy's kind V, is a float.
    if _KINDS.find(dtype.kind.replace("u", "i").replace("V", "f")) < _KINDS.index(kind):
        name = "strings" if dtype.kind == "O" else dtype
        raise TypeError(f"cannot make a tensor of {name} of {value!r:.60}")
    if not _fits(leaves, dtype):
        raise ValueError(f"a value is out of the range of {dtype}: {value!r:.60}")
    return leaves.astype(dtype)


def _kind(leaf: object) -> str:
    for kind, types in _TYPES:
        if isinstance(leaf, types):
            return kind
    raise ValueError(
        f"cannot make a tensor of {leaf!r:.60}: it is no number or string, or one of lists of "
        "different lengths"
    )


def _natural(kind: str, value: Any, leaves: np.ndarray[Any, Any]) -> np.dtype[Any]:
    """Return the dtype that TensorFlow gives Python values of a kind when it is not told one."""
    if kind == "i":
        return np.dtype(np.int32 if _fits(leaves, np.dtype(np.int32)) else np.int64)
    first = value
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    if isinstance(first, (np.floating, np.complexfloating, np.ndarray)):
        return first.dtype
    return np.dtype({"b": np.bool_, "f": np.float32, "c": np.complex128}[kind])


def _fits(leaves: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> bool:
    """Tell whether the dtype holds every Python value; rounding a fraction is no matter."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return all(limits.min <= leaf <= limits.max for leaf in leaves.flat)
    try:
        with np.errstate(over="ignore"):
            return np.array_equal(
                np.isinf(leaves.astype(dtype)), np.isinf(leaves.astype(np.complex128))
            )
    except OverflowError:
        return False


def _strings(leaves: np.ndarray[Any, Any], wanted: np.dtype[Any] | None) -> np.ndarray[Any, Any]:
    """Return strings as an object array of ``bytes``."""
    if wanted is not None and wanted.kind != "O":
        raise TypeError(f"cannot make a tensor of {wanted} of strings")
    encoded = np.empty(leaves.shape, object)
    for index, leaf in np.ndenumerate(leaves):
        if _kind(leaf) != "s":
            raise ValueError(f"an array of objects may hold str and bytes, not {leaf!r:.60}")
        encoded[index] = leaf.encode() if isinstance(leaf, str) else bytes(leaf)
    return encoded
