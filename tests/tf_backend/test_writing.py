"""write_dataset: tensors of all kinds to shards, and back."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tensorflow as tf
from tf_backend.tensors import ENGINES, FEATURES, batches, plain, record

import tfrecord_lite as tfr
from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.tensorflow import make_dataset, write_dataset, writing

ROWS = 50
RNG = np.random.default_rng(0)
DENSE = {
    "int64": RNG.integers(-(2**63), 2**63 - 1, ROWS),
    "float32": RNG.normal(size=(ROWS, 3)).astype(np.float32),
    "string": np.array([b"\0" * (row % 3) for row in range(ROWS)], object),
    "strings": np.array([[b"a", b"b" * row] for row in range(ROWS)], object),
    "matrix": RNG.integers(0, 9, (ROWS, 2, 2)),
    "image": RNG.integers(0, 255, (ROWS, 4, 4, 3)).astype(np.uint8),
    "bool": RNG.integers(0, 2, ROWS).astype(bool),
    "bools": RNG.integers(0, 2, (ROWS, 2)).astype(bool),
    "uint8": RNG.integers(0, 255, ROWS).astype(np.uint8),
    "int32": np.arange(ROWS, dtype=np.int32),
    "uint64": np.arange(ROWS, dtype=np.uint64) + 2**63,
    "float64": RNG.normal(size=ROWS),
    "float16": RNG.normal(size=(ROWS, 2)).astype(np.float16),
    "complex": RNG.normal(size=ROWS).astype(np.complex64),
    "nothing": np.empty((ROWS, 0), np.float32),
}


def dense():
    return tf.data.Dataset.from_tensor_slices(DENSE)


def with_rows_of_any_length(row):
    count = tf.cast(row["int32"] % 4, tf.int32)
    row["int32s"] = tf.range(count)
    row["floats"] = tf.cast(tf.range(count), tf.float32)
    row["words"] = tf.repeat(row["string"], count)
    row["steps"] = tf.ones([count, 2], tf.int64)
    row["sparse"] = tf.sparse.from_dense(tf.ones([count], tf.int64))
    return row


@pytest.mark.parametrize("engine", ENGINES)
def test_dense_tensors_come_back(engine, tmp_path):
    assert write_dataset(dense(), tmp_path / "set", records_per_shard=20) == ROWS
    assert len(expand_shards(tmp_path / "set")) == 3
    (batch,) = make_dataset(tmp_path / "set", None, batch_size=ROWS, engine=engine)
    assert list(batch) == list(DENSE)
    for name, array in DENSE.items():
        found = batch[name].numpy()
        np.testing.assert_array_equal(found, array)
        if name in ("bool", "uint8", "int32"):
            assert found.dtype == np.int64
        else:
            assert found.dtype == array.dtype


def test_which_features_tensors_become(tmp_path):
    write_dataset(dense().map(with_rows_of_any_length), tmp_path / "set")
    found = make_dataset(tmp_path / "set", None, batch_size=1).element_spec
    assert found["sparse"] == tf.SparseTensorSpec([None, None], tf.int64)
    for name, dtype in (("int32s", tf.int64), ("floats", tf.float32), ("words", tf.string)):
        assert found[name] == tf.RaggedTensorSpec([None, None], dtype, row_splits_dtype=tf.int64)
    assert found["steps"] == tf.TensorSpec([None, None, 2], tf.int64)
    assert found["matrix"] == tf.TensorSpec([None, 2, 2], tf.int64)


@pytest.mark.parametrize("least", [1, 1 << 21])
def test_rows_of_any_length_come_back(tmp_path, monkeypatch, least):
    monkeypatch.setattr(writing, "_BATCH_BYTES", least)
    source = dense().map(with_rows_of_any_length)
    write_dataset(source, tmp_path / "set")
    data = make_dataset(tmp_path / "set", None, batch_size=1, engine="numpy")
    for number, (before, after) in enumerate(zip(source, data, strict=True)):
        count = number % 4
        assert after["int32s"].to_list() == [list(range(count))]
        assert after["words"].to_list() == [[DENSE["string"][number]] * count]
        assert after["steps"].shape == (1, count, 2)
        assert plain(tf.sparse.to_dense(after["sparse"])[0]) == plain(
            tf.sparse.to_dense(before["sparse"])
        )


def test_batches_of_make_dataset_are_written_again(tmp_path):
    tfr.write_records(tmp_path / "a.tfrecord", map(record, range(30)))
    # What a missing feature is, nobody can tell from a tensor; a default is there from now on.
    first = make_dataset(tmp_path / "a.tfrecord", FEATURES, batch_size=7)
    assert write_dataset(first, tmp_path / "set", batched=True, features=FEATURES) == 30
    again = make_dataset(tmp_path / "set", None, batch_size=7)
    assert again.element_spec == first.element_spec
    assert batches(again) == batches(first)


def test_ragged_batches(tmp_path):
    ragged = tf.ragged.constant([[1, 2], [], [3]], tf.int64)
    data = tf.data.Dataset.from_tensors({"x": ragged})
    assert write_dataset(data, tmp_path / "set", batched=True) == 3
    (batch,) = make_dataset(tmp_path / "set", None, batch_size=3)
    assert batch["x"].to_list() == [[1, 2], [], [3]]
    rows = tf.data.Dataset.from_tensor_slices({"x": ragged})
    assert write_dataset(rows, tmp_path / "set", overwrite=True) == 3
    (batch,) = make_dataset(tmp_path / "set", None, batch_size=3)
    assert batch["x"].to_list() == [[1, 2], [], [3]]


@pytest.mark.parametrize("batched", [False, True])
def test_serialized_records_are_written_as_they_are(batched, tmp_path):
    records = [record(index) for index in range(10)] + [b""]
    tfr.write_records(tmp_path / "a.tfrecord", records)
    data = tf.data.TFRecordDataset(os.fspath(tmp_path / "a.tfrecord"))
    if batched:
        data = data.batch(4)
    count = write_dataset(
        data,
        tmp_path / "set",
        features=FEATURES,
        batched=batched,
        num_shards=3,
        compression="GZIP",
    )
    assert count == 11
    found = list(tfr.read_records(expand_shards(tmp_path / "set")))
    assert found == [*records[::3], *records[1::3], *records[2::3]]
    assert "FixedLenSequenceFeature" in (tmp_path / "set.manifest.json").read_text()


def test_features_that_the_caller_names(tmp_path):
    data = dense().map(lambda row: {name: row[name] for name in ("image", "bools", "int64")})
    shapeless = tf.data.Dataset.from_generator(
        lambda: iter(data.as_numpy_iterator()),
        output_signature={
            "image": tf.TensorSpec(None, tf.uint8),
            "bools": tf.TensorSpec([None], tf.bool),
            "int64": tf.TensorSpec([], tf.int64),
        },
    )
    features = {
        "image": tfr.RawFeature([4, 4, 3], np.uint8),
        "bools": tfr.FixedLenFeature([2], np.int64),
    }
    assert write_dataset(shapeless, tmp_path / "set", features=features) == ROWS
    (batch,) = make_dataset(tmp_path / "set", None, batch_size=ROWS)
    for name in ("image", "bools", "int64"):
        np.testing.assert_array_equal(batch[name].numpy(), DENSE[name])


def test_no_rows(tmp_path):
    assert write_dataset(dense().take(0), tmp_path / "set") == 0
    assert list(make_dataset(tmp_path / "set", None, batch_size=1)) == []


def test_what_is_no_dataset(tmp_path):
    with pytest.raises(TypeError, match="'whoops' is no tf.data.Dataset"):
        write_dataset("whoops", tmp_path / "set")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("element", "options", "text"),
    [
        (tf.constant(1), {}, "map it to dicts of tensors"),
        (tf.constant(["a", "b"]), {}, "map it to dicts of tensors"),
        (tf.constant("a"), {"batched": True}, "map it to dicts of tensors"),
        ((tf.constant(1), tf.constant(2)), {}, "map it to dicts of tensors"),
        ({"a": {"b": tf.constant(1)}}, {}, "component 'a' is .*no feature"),
        ({"a": tf.constant(1)}, {"features": {"b": tfr.VarLenFeature(bytes)}}, "'b'.* not in the"),
        ({"a": tf.sparse.eye(3)}, {}, "component 'a' is SparseTensorSpec"),
        ({"a": tf.sparse.from_dense(np.ones(2))}, {}, "component 'a' is SparseTensorSpec"),
        ({"a": tf.ragged.constant([[1], []])}, {}, "component 'a' is RaggedTensorSpec"),
        ({"a": tf.constant(1, tf.qint8)}, {}, "component 'a'"),
    ],
)
def test_elements_of_which_no_example_can_be_made(element, options, text, tmp_path):
    data = tf.data.Dataset.from_tensors(element)
    with pytest.raises(ValueError, match=text):
        write_dataset(data, tmp_path / "set", **options)
    assert list(tmp_path.iterdir()) == []


def test_dimensions_that_nobody_knows(tmp_path):
    data = tf.data.Dataset.from_generator(
        lambda: iter([np.zeros((2, 3))]), output_signature=tf.TensorSpec([None, None], tf.float64)
    ).map(lambda image: {"image": image})
    with pytest.raises(ValueError, match=r"component 'image' is .*None, None.*encode_png"):
        write_dataset(data, tmp_path / "set")
    ragged = data.map(lambda row: {"image": tf.cast(row["image"], tf.int64)})
    with pytest.raises(ValueError, match="several unknown dimensions"):
        write_dataset(ragged, tmp_path / "set", features={"image": tfr.RaggedFeature(np.int64)})


def test_a_sparse_vector_with_gaps(tmp_path):
    sparse = tf.SparseTensor([[0], [2]], [1, 2], [3])
    full = tf.SparseTensor([[0]], [1], [3])
    rows = [full, full, sparse]
    data = tf.data.Dataset.range(3).map(
        lambda row: {"x": tf.cond(row == 2, lambda: rows[2], lambda: rows[0])}
    )
    with pytest.raises(tfr.ExampleError, match="row 2: feature 'x' is a sparse vector with gaps"):
        write_dataset(data.map(lambda row: {"x": tf.cast(row["x"], tf.int64)}), tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_does_not_fit_its_feature(tmp_path):
    data = tf.data.Dataset.range(10).map(lambda x: {"x": tf.cast(x, tf.float64) * 1e38})
    with pytest.raises(tfr.ExampleError, match="'x': row 4: .*float32"):
        write_dataset(data, tmp_path / "set", features={"x": tfr.FixedLenFeature([], np.float32)})
    wrong = tf.data.Dataset.range(3).map(lambda x: {"x": tf.range(x)})
    with pytest.raises(tfr.ExampleError, match="'x': row 0"):
        write_dataset(wrong, tmp_path / "set", features={"x": tfr.RaggedFeature(bytes)})
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_dataset_publishes_nothing(tmp_path):
    data = tf.data.Dataset.range(3000).map(
        lambda x: {"x": tf.debugging.check_numerics(1.0 / tf.cast(2500 - x, tf.float32), "no")}
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        write_dataset(data, tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_set(tmp_path):
    write_dataset(dense(), tmp_path / "set")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_dataset(dense(), tmp_path / "set")
    assert write_dataset(dense().take(3), tmp_path / "set", overwrite=True) == 3
