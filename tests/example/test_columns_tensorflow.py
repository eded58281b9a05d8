"""Against TensorFlow: what protobuf writes is parsed to the same columns, or refused by both."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from example.schemas import (
    random_examples,
    random_features,
    random_list_features,
    random_sequence_examples,
)
from variants import first

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    Ragged,
    VarLenFeature,
    parse_example,
    parse_sequence_example,
    parse_single_example,
    parse_single_sequence_example,
)

pytestmark = pytest.mark.tensorflow

REFUSED = "refused"


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


def theirs_of(tf: Any, features: dict[str, Any]) -> dict[str, Any]:
    """Return the same features as TensorFlow's."""
    made: dict[str, Any] = {}
    for name, feature in features.items():
        dtype = {np.int64: tf.int64, np.float32: tf.float32, bytes: tf.string}[feature.dtype]
        if isinstance(feature, FixedLenFeature):
            value = feature.default_value
            if value is not None and feature.shape:
                value = tf.reshape(tf.constant(list(value), dtype), feature.shape)
            made[name] = tf.io.FixedLenFeature(feature.shape, dtype, value)
        elif isinstance(feature, FixedLenSequenceFeature):
            made[name] = tf.io.FixedLenSequenceFeature(
                feature.shape, dtype, feature.allow_missing, feature.default_value
            )
        elif isinstance(feature, VarLenFeature):
            made[name] = tf.io.VarLenFeature(dtype)
        else:
            made[name] = tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
    return made


def plain_array(array: Any) -> Any:
    """Return all of an array, bit by bit: dtype, shape, and elements."""
    array = np.asarray(array)
    content = array.tolist() if array.dtype == object else array.tobytes()
    return str(array.dtype), array.shape, content


def plain_theirs(tf: Any, tensor: Any) -> Any:
    if isinstance(tensor, tf.SparseTensor):
        shape = tensor.dense_shape.numpy().tolist()
        return [plain_array(tensor.indices.numpy()), plain_array(tensor.values.numpy()), shape]
    if isinstance(tensor, tf.RaggedTensor):
        splits = [splits.numpy().tolist() for splits in tensor.nested_row_splits]
        return [plain_array(tensor.flat_values.numpy()), *splits]
    value = tensor.numpy()
    # numpy() of a string tensor without elements or dimensions is not the array of objects.
    if tensor.dtype == tf.string:
        array = np.empty(tensor.shape, object)
        array[...] = value
        return plain_array(array)
    return plain_array(value)


def plain_ours(column: Any, feature: Any) -> Any:
    if isinstance(column, Ragged) and isinstance(feature, VarLenFeature):
        sparse = column.to_sparse()
        shape = sparse.dense_shape.tolist()
        return [plain_array(sparse.indices), plain_array(sparse.values), shape]
    if isinstance(column, Ragged):
        splits = []
        while isinstance(column, Ragged):
            assert column.row_splits.dtype == np.int64
            assert column.row_splits[0] == 0
            splits.append(column.row_splits.tolist())
            column = column.values
        return [plain_array(column), *splits]
    if isinstance(feature, VarLenFeature):  # of a single Example: one row
        indices = np.arange(len(column))[:, None]
        return [plain_array(indices), plain_array(column), [len(column)]]
    if isinstance(column, bytes):
        array = np.empty((), object)
        array[()] = column
        return plain_array(array)
    return plain_array(column)


def ours(parse: Any, data: Any, *features: dict[str, Any]) -> Any:
    try:
        results = parse(data, *features)
    except ExampleError:
        return REFUSED
    if isinstance(results, dict):
        results = (results,)
    found = []
    for columns, specs in zip(results, features, strict=False):
        assert list(columns) == list(specs)
        found.append({name: plain_ours(columns[name], specs[name]) for name in specs})
    if len(results) == 3:
        found.append({name: plain_array(lengths) for name, lengths in results[2].items()})
    return found


def theirs(tf: Any, parse: Any, data: Any, *features: dict[str, Any]) -> Any:
    tensor = tf.constant(data, tf.string)
    try:
        results = parse(tensor, *[theirs_of(tf, specs) for specs in features])
    except tf.errors.InvalidArgumentError:
        return REFUSED
    if isinstance(results, dict):
        results = (results,)
    return [
        {name: plain_theirs(tf, tensor) for name, tensor in columns.items()} for columns in results
    ]


@pytest.mark.parametrize("seed", first(1, range(10)))
def test_examples(tf, seed: int) -> None:
    random = Random(seed)
    refusals = parsed = 0
    for turn in range(500):
        features = random_features(random)
        records = random_examples(random, features)
        expected = theirs(tf, tf.io.parse_example, records, features)
        assert ours(parse_example, records, features) == expected, (features, records)
        refusals += expected == REFUSED
        parsed += expected != REFUSED
        # Each alone, too: of every third batch, since TensorFlow is slow at that.
        for data in records[:1] if turn % 3 == 0 else ():
            expected = theirs(tf, tf.io.parse_single_example, data, features)
            assert ours(parse_single_example, data, features) == expected, (features, data)
    assert refusals > 25
    assert parsed > 250


@pytest.mark.parametrize("seed", first(1, range(7)))
def test_sequence_examples(tf, seed: int) -> None:
    random = Random(seed)
    refusals = parsed = 0
    for _ in range(300):
        context = random_features(random, sequences=False)
        lists = random_list_features(random)
        if random.random() < 0.3 and lists:
            context = {}
        records = random_sequence_examples(random, context, lists)
        expected = theirs(tf, tf.io.parse_sequence_example, records, context, lists)
        assert ours(parse_sequence_example, records, context, lists) == expected, (
            context,
            lists,
            records,
        )
        refusals += expected == REFUSED
        parsed += expected != REFUSED
        for data in records[:1]:
            expected = theirs(tf, tf.io.parse_single_sequence_example, data, context, lists)
            assert ours(parse_single_sequence_example, data, context, lists) == expected, (
                context,
                lists,
                data,
            )
    assert refusals > 20
    assert parsed > 60
