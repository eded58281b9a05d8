"""Ray's tensor columns: made of lists of fixed sizes, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from ray.data.extensions import (
    ArrowPythonObjectType,
    ArrowTensorArray,
    ArrowVariableShapedTensorType,
    get_arrow_extension_tensor_types,
)

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.quote import quote

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["with_tensors", "without_tensors"]


def with_tensors(batch: pa.RecordBatch, but: Container[str]) -> pa.Table:
    """Return a table in which numbers in lists of fixed sizes are tensors, but for some columns."""
    columns = {
        name: column if name in but else _tensors(column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return pa.table(columns)


def _tensors(column: pa.Array) -> Any:
    shape: list[int] = []
    leaf = column
    while pt.is_fixed_size_list(leaf.type):
        shape.append(leaf.type.list_size)
        leaf = leaf.flatten()
    if not shape or column.null_count or not _is_number(leaf.type):
        return column
    values = leaf.to_numpy(zero_copy_only=False).reshape(len(column), *shape)
    return ArrowTensorArray.from_numpy(values)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind))


def without_tensors(table: pa.Table) -> pa.Table:
    """Return a table whose tensors are lists; those of one shape are lists of fixed sizes.

    `ExampleError` for what no feature holds: tensors of changing shapes of more than one dimension,
    and pickled objects.
    """
    for at, field in enumerate(table.schema):
        if isinstance(field.type, ArrowPythonObjectType):
            raise ExampleError(
                f"column {quote(field.name)}: Python objects; make them numbers, text, bytes, or "
                "lists of these"
            )
        plain = None
        if isinstance(field.type, ArrowVariableShapedTensorType):
            plain = [_lists(field.name, chunk) for chunk in table.column(at).chunks]
        elif isinstance(field.type, get_arrow_extension_tensor_types()):
            plain = [_fixed_lists(chunk) for chunk in table.column(at).chunks]
        if plain is not None:
            table = table.set_column(at, field.name, pa.chunked_array(plain))
    return table


def _fixed_lists(tensors: pa.ExtensionArray) -> pa.Array:
    storage, shape = tensors.storage, tensors.type.shape
    if 0 in shape:
        return storage
    array = _values(storage.flatten())
    for size in reversed(shape):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    if storage.null_count:
        # What is missing has no values in the storage.
        there = storage.is_valid().to_numpy(zero_copy_only=False)
        array = array.take(pa.array(np.cumsum(there) - 1, mask=~there))
    return array


def _lists(name: str, tensors: pa.ExtensionArray) -> pa.Array:
    if tensors.type.ndim > 1:
        raise ExampleError(
            f"column {quote(name)}: tensors of different shapes with {tensors.type.ndim} "
            "dimensions, but a feature is one flat list of values; make them flat, and their "
            "shapes a column of their own"
        )
    lists = pc.struct_field(tensors.storage, "data")
    if not pt.is_fixed_size_binary(lists.type.value_type):
        return lists
    rows = [None if row is None else list(map(_text, row)) for row in lists.to_pylist()]
    return pa.array(rows, pa.list_(pa.string()))


def _values(array: pa.Array) -> pa.Array:
    """Return the elements of tensors; text, of which Ray keeps NumPy's UTF-32, as text."""
    if not pt.is_fixed_size_binary(array.type):
        return array
    return pa.array(map(_text, array.to_pylist()), pa.string())


def _text(content: bytes) -> str:
    return content.decode("utf-32-le").rstrip("\0")
