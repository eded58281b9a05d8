"""Arrow's arrays as plain ones, and plain arrays as those of a type that was asked for.

Dictionaries, runs, extension types and views of lists are other forms of plain values, and may lie
at any depth of lists. Arrow's own kernels do not know all of them there, and ``from_buffers`` ends
the process where a child is not of its parent's type: so both ways go level by level.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from tfrecord_lite.arrow.types import (
    is_any_list,
    is_bytes,
    is_view,
    plain_type,
    storage_of,
    with_leaf,
)
from tfrecord_lite.example.floats import LARGEST_EXACT, is_other

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tfrecord_lite._types import AnyArray, BoolArray, Int64Array

__all__ = [
    "HEXADECIMAL",
    "LostNumberError",
    "cast_leaves",
    "first_refused",
    "has_half_dictionaries",
    "has_views",
    "joined",
    "leaf_of",
    "list_array",
    "nested_array",
    "no_rows",
    "plain_array",
    "stripped",
    "validity_of",
    "widened",
    "without_views",
    "wrapped_array",
]


# How a number begins whose digits are bits to Arrow: no sign is among them.
HEXADECIMAL: Final = "0[xX]"


class LostNumberError(Exception):
    """A number that is not in the type that it was cast to: its index, and an error's text."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


def no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch of no rows.

    Arrow's own ways know no lists of extension types, nor dictionaries and runs of all types, or
    refuse lists of runs that they made.
    """
    return pa.RecordBatch.from_arrays(list(map(_empty, schema.types)), schema=schema)


def _empty(kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _empty(kind.storage_type))
    if pt.is_dictionary(kind):
        indices = pa.array([], kind.index_type)
        return pa.DictionaryArray.from_arrays(
            indices, _empty(kind.value_type), ordered=kind.ordered
        )
    if pt.is_run_end_encoded(kind):
        return _runs(pa.array([], kind.run_end_type), _empty(kind.value_type), kind)
    if pt.is_struct(kind) and kind.num_fields:
        fields = list(kind)
        return pa.StructArray.from_arrays([_empty(field.type) for field in fields], fields=fields)
    if is_any_list(kind) or pt.is_fixed_size_list(kind):
        # One offset of a list, none of a view.
        buffers = [] if pt.is_fixed_size_list(kind) else [pa.py_buffer(bytes(8))]
        views = pt.is_list_view(kind) or pt.is_large_list_view(kind)
        buffers = [None, *buffers, *(buffers if views else [])]
        return _from_buffers(kind, 0, buffers, _empty(kind.value_type))
    return pa.nulls(0, kind)


def leaf_of(kind: pa.DataType) -> pa.DataType:
    """Return the plain type of the values in all lists of a type."""
    kind = plain_type(kind)
    while hasattr(kind, "value_type") and not is_bytes(kind):
        kind = plain_type(kind.value_type)
    return kind


def stripped(kind: pa.DataType) -> pa.DataType:
    """Return the type of the same lists and plain values; of a plain type, itself."""
    plain = with_leaf(kind, leaf_of(kind))
    return kind if plain == kind else plain


def widened(kind: pa.DataType, wider: Mapping[pa.DataType, pa.DataType]) -> pa.DataType:
    """Return the type of the same structs and lists, of which values are of the types in ``wider``.

    >>> widened(pa.list_(pa.float16(), 2), {pa.float16(): pa.float32()})
    FixedSizeListType(fixed_size_list<item: float>[2])
    """
    if pt.is_struct(kind):
        return pa.struct([(field.name, widened(field.type, wider)) for field in kind])
    leaf = leaf_of(kind)
    return with_leaf(kind, wider[leaf]) if leaf in wider else kind


def has_views(kind: pa.DataType) -> bool:
    """Tell whether the values of a type, or of a struct's fields, are views of byte strings."""
    if pt.is_struct(kind):
        return any(has_views(field.type) for field in kind)
    return is_view(leaf_of(kind))


def has_half_dictionaries(kind: pa.DataType) -> bool:
    """Tell whether dictionaries of halves may be in a type: Arrow joins several of them wrongly."""
    if pt.is_struct(kind):
        return any(has_half_dictionaries(field.type) for field in kind)
    return pt.is_float16(leaf_of(kind)) and stripped(kind) is not kind


def validity_of(present: BoolArray) -> Any:
    """Return a validity bitmap, None where all are there."""
    if present.all():
        return None
    return pa.py_buffer(np.packbits(present, bitorder="little"))


def list_array(items: pa.Array, counts: Int64Array, kind: pa.DataType, validity: Any) -> pa.Array:
    """Return lists of so many items each; the items are of the type's own."""
    large = pt.is_large_list(kind)
    if not (large or pt.is_list(kind)):
        return wrapped_array(list_array(items, counts, pa.large_list(items.type), validity), kind)
    offsets = np.zeros(len(counts) + 1, np.int64 if large else np.int32)
    np.cumsum(counts, out=offsets[1:])
    return _from_buffers(kind, len(counts), [validity, pa.py_buffer(offsets)], items)


def _from_buffers(kind: pa.DataType, rows: int, buffers: list[Any], items: pa.Array) -> pa.Array:
    """Return lists; TypeError where Arrow would end the process, for items of another type."""
    if items.type != kind.value_type:
        raise TypeError(f"{items.type} are no items of {kind}")
    return pa.Array.from_buffers(kind, rows, buffers, children=[items])


def _runs(run_ends: pa.Array, values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return runs; TypeError where Arrow would end the process, for extensions of extensions."""
    inner = [kind.value_type]
    while inner:
        one = inner.pop()
        if isinstance(one, pa.BaseExtensionType):
            if isinstance(one.storage_type, pa.BaseExtensionType):
                raise TypeError(f"Arrow has no runs of {one}")
        elif pt.is_dictionary(one) or pt.is_run_end_encoded(one):
            inner.append(one.value_type)
        else:
            inner += (one.field(at).type for at in range(one.num_fields))
    return pa.RunEndEncodedArray.from_arrays(run_ends, values, type=kind)


def nested_array(leaf: pa.Array, kind: pa.DataType, rows: int, validity: Any = None) -> pa.Array:
    """Return ``rows`` items of a type of fixed sizes, from all that is in them."""
    kind = plain_type(kind)
    if not pt.is_fixed_size_list(kind):
        return leaf
    inner = nested_array(leaf, kind.value_type, rows * kind.list_size)
    return pa.Array.from_buffers(kind, rows, [validity], children=[inner])


# From what callers have.


def plain_array(array: pa.Array) -> pa.Array:
    """Return the values themselves, in lists and leaves only: views of strings as large strings.

    Nested lists of fixed sizes begin at their first item: where they are slices, Arrow takes items
    and drops nulls at other places than theirs, even behind its buffers.
    """
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return plain_array(_in_form(array.storage, storage_of(kind)))
    if pt.is_dictionary(kind):
        return plain_array(array.dictionary).take(array.indices)
    if pt.is_run_end_encoded(kind):
        rows = np.arange(array.offset, array.offset + len(array))
        runs = np.searchsorted(array.run_ends.to_numpy(), rows, "right")
        return plain_array(array.values).take(pa.array(runs))
    if is_view(kind):
        return array.cast(without_views(kind))
    if not (is_any_list(kind) or pt.is_fixed_size_list(kind)):
        return array
    wanted = with_leaf(kind, without_views(leaf_of(kind)))
    if kind == wanted and not _is_sliced(array):
        return array
    return _plain_lists(array, wanted) if len(array) else pa.array([], wanted)


def _in_form(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return lists as those of sizes that are fixed, or are not; ArrowInvalid for other sizes."""
    return array if array.type == kind else array.cast(kind)


def _is_sliced(array: pa.Array) -> bool:
    """Tell whether there are lists of fixed sizes, at any depth, that are a slice of others."""
    fixed = pt.is_fixed_size_list(array.type)
    if fixed and array.offset:
        return True
    return (fixed or is_any_list(array.type)) and _is_sliced(array.values)


def _plain_lists(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    there = array.is_valid().to_numpy(zero_copy_only=False)
    if pt.is_fixed_size_list(wanted):
        size = wanted.list_size
        items = plain_array(array.values.slice(array.offset * size, len(array) * size))
        return _from_buffers(wanted, len(array), [validity_of(there)], items)
    begin = array.offsets.to_numpy().astype(np.int64)
    if pt.is_list(array.type) or pt.is_large_list(array.type):
        items = plain_array(array.values.slice(begin[0], begin[-1] - begin[0]))
        return list_array(items, np.diff(begin), wanted, validity_of(there))
    # Views lie in any order, may share values, and those of nulls lie anywhere.
    sizes = np.where(there, array.sizes.to_numpy(), 0).astype(np.int64)
    begin, used = np.where(sizes > 0, begin, 0), sizes > 0
    first = int(begin[used].min(initial=np.iinfo(np.int64).max)) if used.any() else 0
    items = plain_array(array.values.slice(first, int((begin + sizes).max()) - first))
    splits = np.append(0, np.cumsum(sizes))
    which = np.repeat(begin - first - splits[:-1], sizes) + np.arange(splits[-1])
    return list_array(items.take(pa.array(which)), sizes, wanted, validity_of(there))


def without_views(kind: pa.DataType) -> pa.DataType:
    """Return a type of byte strings one after another, which more of Arrow's kernels take."""
    if pt.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if pt.is_binary_view(kind) else kind


# To what callers ask for.


def wrapped_array(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a plain array, which is no slice, as one of a type whose `stripped` form it has.

    Raises an exception of Arrow's, or TypeError, where there is no such type or array.
    """
    if array.type.equals(kind, check_metadata=True):
        return array
    if isinstance(kind, pa.BaseExtensionType):
        storage = _in_form(wrapped_array(array, storage_of(kind)), kind.storage_type)
        return pa.ExtensionArray.from_storage(kind, storage)
    if pt.is_dictionary(kind):
        encoded = array.cast(without_views(array.type)).dictionary_encode()
        values = wrapped_array(encoded.dictionary.cast(array.type), kind.value_type)
        indices = encoded.indices.cast(kind.index_type)
        return pa.DictionaryArray.from_arrays(indices, values, ordered=kind.ordered)
    if pt.is_run_end_encoded(kind):
        run_ends = pc.run_end_encode(
            array.cast(without_views(array.type)), run_end_type=kind.run_end_type
        )
        values = wrapped_array(run_ends.values.cast(array.type), kind.value_type)
        return _runs(run_ends.run_ends, values, kind)
    if pt.is_fixed_size_list(kind) or is_any_list(kind):
        return _wrapped_lists(array, kind)
    return array.cast(kind)


def _wrapped_lists(array: pa.Array, kind: pa.DataType) -> pa.Array:
    items = wrapped_array(array.values, kind.value_type)
    validity, *offsets = array.buffers()[: 1 if pt.is_fixed_size_list(kind) else 2]
    if pt.is_list_view(kind) or pt.is_large_list_view(kind):
        wide = np.int64 if pt.is_large_list_view(kind) else np.int32
        begin = array.offsets.to_numpy()
        offsets = [pa.py_buffer(part.astype(wide)) for part in (begin[:-1], np.diff(begin))]
    return _from_buffers(kind, len(array), [validity, *offsets], items)


def joined(arrays: Sequence[pa.Array]) -> pa.Array:
    """Return arrays of one type as one: plain values, where Arrow may not join those of others."""
    kind = arrays[0].type
    if pt.is_struct(kind) and not any(array.null_count for array in arrays):
        fields = [joined([array.field(at) for array in arrays]) for at in range(kind.num_fields)]
        return pa.StructArray.from_arrays(fields, fields=list(kind))
    if pt.is_struct(kind) or stripped(kind) is kind:
        return pa.concat_arrays(arrays)
    return wrapped_array(pa.concat_arrays(list(map(plain_array, arrays))), kind)


# Numbers of other types.


def cast_leaves(array: pa.Array, leaf: pa.DataType) -> pa.Array:
    """Return values, none of them null, as others of Arrow's.

    Raises `LostNumberError` for a finite one that would become 0 or infinite, an integer that a
    half does not hold, a whole number of a text or decimal that float64 does not, and text of
    hexadecimal digits that would be negative: Arrow refuses what else integers do not hold, and
    nothing else. ArrowInvalid it is, too, for numbers but 0 and 1 as bools.
    """
    if array.type == leaf:
        return array
    found = array.cast(leaf)
    if pt.is_floating(leaf) and (lost := _lost(array, found.to_numpy(zero_copy_only=False))):
        raise LostNumberError(*lost)
    are_numbers = pt.is_integer(array.type) or pt.is_floating(array.type)
    if are_numbers and pt.is_boolean(leaf) and not found.cast(array.type).equals(array):
        raise pa.ArrowInvalid("a bool is 0 or 1")
    if pt.is_signed_integer(leaf) and is_bytes(array.type):
        suspect = np.flatnonzero(found.to_numpy() < 0)
        bits = pc.match_substring_regex(array.take(pa.array(suspect)), HEXADECIMAL)
        if len(at := suspect[bits.to_numpy(zero_copy_only=False)]):
            index = int(at[0])
            raise LostNumberError(index, f"{array[index]}, which would become {found[index]}")
    return found


def first_refused(array: pa.Array, convert: Callable[[pa.Array], object]) -> int:
    """Return the index of the first value that a conversion refuses, where it refuses the array.

    >>> first_refused(pa.array(["1", "x", "y"]), lambda some: some.cast(pa.int64()))
    1
    """

    def is_refused(index: int) -> bool:
        try:
            convert(array.slice(0, index + 1))
        except (pa.ArrowException, LostNumberError):
            return True
        return False

    return bisect_left(range(len(array)), True, key=is_refused)


def _lost(array: pa.Array, found: AnyArray) -> tuple[int, str] | None:
    kind = array.type
    if pt.is_floating(kind):
        given = array.to_numpy(zero_copy_only=False)
        at = np.flatnonzero(
            np.isfinite(given) & (np.isinf(found) | (found == 0) & (given != 0))
            if given.itemsize > found.itemsize
            else []
        )
    elif pt.is_integer(kind) and found.dtype == np.float16:
        at = np.flatnonzero(found.astype(np.float64) != array.to_numpy().astype(np.float64))
    elif pt.is_integer(kind) or pt.is_boolean(kind):
        return None
    else:  # decimals, and text
        suspect = np.isinf(found) | (found == 0)
        if found.dtype == np.float64:
            suspect |= np.abs(found) >= LARGEST_EXACT
        rows = np.flatnonzero(suspect)
        values = [array[row].as_py() for row in rows.tolist()]
        written = [value.decode() if isinstance(value, bytes) else value for value in values]
        at = rows[list(map(is_other, written, found[rows]))]
    if not len(at):
        return None
    index = int(at[0])
    return index, f"{array[index]}, which would become {found[index]}"
