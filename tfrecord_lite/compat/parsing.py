"""``tf.io.parse_example`` and its like: columns as TensorFlow's eager tensors.

A `VarLenFeature` gives a `SparseTensor`, a `RaggedFeature` a `RaggedTensor` (of a single Example a
tensor), all else a tensor. What TensorFlow refuses is an InvalidArgumentError or a ValueError, as
there. Beyond that, the index of a `SparseFeature` that is outside of its size is refused, and what
a partition of a `RaggedFeature` says wrongly, whatever ``validate`` is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from tfrecord_lite import example
from tfrecord_lite.compat._tensor import StringTensor, Tensor, as_dtype, tensor_of
from tfrecord_lite.compat.errors import InvalidArgumentError
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import FeatureSpec, FixedLenFeature, Ragged, VarLenFeature
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.ragged import Sparse

__all__ = [
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "RaggedFeature",
    "RaggedTensor",
    "SparseFeature",
    "SparseTensor",
    "VarLenFeature",
    "one_record",
    "parse_example",
    "parse_sequence_example",
    "parse_single_example",
    "parse_single_sequence_example",
    "refused",
]


class FixedLenSequenceFeature(example.FixedLenSequenceFeature):
    """As the package's own, but a missing feature is an error unless ``allow_missing`` is true.

    Elements have values: a size of 0 is a ValueError, as in TensorFlow after 2.21.
    """

    def __init__(
        self, shape: Any, dtype: Any, allow_missing: bool = False, default_value: Any = None
    ) -> None:
        super().__init__(shape, dtype, allow_missing, default_value)
        if 0 in self.shape:
            raise ValueError(f"shape {self.shape}: dimensions must be positive")


class RaggedFeature(example.RaggedFeature):
    """As the package's own; ``validate`` is always done."""

    def __init__(
        self,
        dtype: Any,
        value_key: str | None = None,
        partitions: Iterable[Any] = (),
        row_splits_dtype: Any = np.int32,
        validate: bool = False,
    ) -> None:
        super().__init__(dtype, value_key, tuple(partitions))
        splits = as_dtype(row_splits_dtype)
        if splits not in (np.int32, np.int64):
            raise ValueError(f"row_splits_dtype={row_splits_dtype!r}; choose int32 or int64")
        object.__setattr__(self, "row_splits_dtype", splits)


class SparseFeature(example.SparseFeature):
    """As the package's own, but an index may be any, as in TensorFlow, which looks at none."""

    inside_size = False


class SparseTensor(NamedTuple):
    """The three tensors of a ``tf.sparse.SparseTensor``."""

    indices: Any
    values: Any
    dense_shape: Any


class RaggedTensor:
    """Rows of different lengths, as ``tf.RaggedTensor``."""

    def __init__(self, ragged: Ragged, row_splits_dtype: Any) -> None:
        self._ragged = ragged
        self._dtype = row_splits_dtype

    @property
    def values(self) -> Any:
        """The rows' values, or a `RaggedTensor` of the inner rows."""
        values = self._ragged.values
        return RaggedTensor(values, self._dtype) if isinstance(values, Ragged) else _tensor(values)

    @property
    def row_splits(self) -> Any:
        """Where the rows begin and end in the values."""
        return _tensor(self._ragged.row_splits.astype(self._dtype))

    def to_list(self) -> list[Any]:
        """Return the rows as lists of Python values."""
        return self._ragged.to_list()

    def __len__(self) -> int:
        return len(self._ragged)

    def __repr__(self) -> str:
        return f"<RaggedTensor {self.to_list()}>"


def parse_example(
    serialized: Any,
    features: Mapping[str, Any],
    example_names: Any = None,
    name: str | None = None,
) -> dict[str, Any]:
    r"""Parse serialized Examples: a single one, or a list or tensor of them.

    >>> record = b"\n\x10\n\x0e\n\x05label\x12\x05\x1a\x03\n\x01\x04"
    >>> parse_example([record], {"label": FixedLenFeature([], np.int64)})["label"].numpy()
    array([4])
    """
    features = _own(features)
    for key, feature in features.items():
        if isinstance(feature, example.FixedLenSequenceFeature) and not feature.allow_missing:
            raise ValueError(
                f"FixedLenSequenceFeature {key!r} requires allow_missing to be True in an Example"
            )
    serialized = _value(serialized)
    with refused():
        if isinstance(serialized, (bytes, str)):
            return _tensors(
                example.parse_single_example(_bytes(serialized), features, strict=False), features
            )
        return _tensors(
            example.parse_example(_records(serialized), features, strict=False), features
        )


def parse_single_example(
    serialized: Any,
    features: Mapping[str, Any],
    example_names: Any = None,
    name: str | None = None,
) -> dict[str, Any]:
    """Parse one serialized Example."""
    return parse_example(one_record(serialized), features, example_names, name)


def parse_sequence_example(
    serialized: Any,
    context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None,
    example_names: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Parse serialized SequenceExamples into context, feature lists and their lengths."""
    context_features, sequence_features = _own(context_features), _own(sequence_features)
    with refused():
        context, lists, lengths = example.parse_sequence_example(
            _records(serialized), context_features, sequence_features, strict=False
        )
    return (
        _tensors(context, context_features),
        _tensors(lists, sequence_features),
        {key: _tensor(value) for key, value in lengths.items()},
    )


def parse_single_sequence_example(
    serialized: Any,
    context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None,
    example_name: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parse one serialized SequenceExample into context and feature lists."""
    context_features, sequence_features = _own(context_features), _own(sequence_features)
    with refused():
        context, lists = example.parse_single_sequence_example(
            one_record(serialized), context_features, sequence_features, strict=False
        )
    return _tensors(context, context_features), _tensors(lists, sequence_features)


def _own(features: Mapping[str, Any] | None) -> dict[str, FeatureSpec]:
    """Return the classes of this module, and those of tf.io as these."""
    own = normalize_features(features) if features else {}
    for key, feature in own.items():
        given = (features or {})[key]
        if feature is not given and isinstance(feature, example.SparseFeature):
            own[key] = SparseFeature(
                feature.index_key,
                feature.value_key,
                feature.dtype,
                feature.size,
                feature.already_sorted,
            )
        if feature is not given and isinstance(feature, example.RaggedFeature):
            own[key] = RaggedFeature(
                feature.dtype, feature.value_key, feature.partitions, given.row_splits_dtype
            )
    return own


@contextmanager
def refused() -> Iterator[None]:
    """Raise what is wrong with an Example, or a tensor, under TensorFlow's name."""
    try:
        yield
    except ExampleError as error:
        raise InvalidArgumentError(None, None, str(error)) from error


def _bytes(value: Any) -> bytes:
    # `bytes` would make NULs of a number, and places in memory of an array of objects.
    if not isinstance(value, (bytes, str, bytearray, memoryview)):
        raise ValueError(  # noqa: TRY004 - as TensorFlow
            f"one serialized record is bytes, not {type(value).__name__}"
        )
    return value.encode() if isinstance(value, str) else bytes(value)


def _value(serialized: Any) -> Any:
    """Return what a tensor has, also one of TensorFlow's, or an array of no dimensions."""
    if hasattr(serialized, "numpy"):
        serialized = serialized.numpy()
    if isinstance(serialized, np.ndarray) and not serialized.ndim:
        return serialized.item()
    return serialized


def one_record(serialized: Any) -> bytes:
    """Return one serialized message as bytes, text as UTF-8; ValueError for what is none."""
    return _bytes(_value(serialized))


def _records(serialized: Any) -> list[bytes]:
    serialized = _value(serialized)
    if getattr(serialized, "ndim", 1) > 1:
        raise InvalidArgumentError(
            None, None, f"serialized records have one dimension, not {serialized.ndim}"
        )
    if isinstance(serialized, (bytes, str)) or not isinstance(serialized, Iterable):
        raise ValueError(  # noqa: TRY004 - as TensorFlow
            "serialized records are a list or a tensor of bytes"
        )
    return [item if type(item) is bytes else one_record(item) for item in serialized]


def _tensors(
    columns: Mapping[str, Any], features: Mapping[str, FeatureSpec] | None
) -> dict[str, Any]:
    return {key: _of_feature(columns[key], feature) for key, feature in (features or {}).items()}


def _of_feature(column: Any, feature: FeatureSpec) -> Any:
    if isinstance(column, Sparse):
        return SparseTensor(*map(_tensor, column))
    if isinstance(feature, VarLenFeature):
        if isinstance(column, Ragged):
            return SparseTensor(*map(_tensor, column.to_sparse()))
        indices = np.arange(len(column))[:, None]
        return SparseTensor(*map(_tensor, (indices, column, np.array([len(column)]))))
    if isinstance(column, Ragged):
        return RaggedTensor(column, getattr(feature, "row_splits_dtype", np.int64))
    return _tensor(column)


def _tensor(value: Any) -> Tensor | StringTensor:
    return StringTensor(value) if isinstance(value, bytes) else tensor_of(np.asarray(value))
