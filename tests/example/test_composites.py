"""Features of several keys: sparse ones, ragged ones with partitions; and byte strings as bytes."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
from variants import few_or_many

import tfrecord_lite as tfr
from tfrecord_lite import compat

R = tfr.RaggedFeature
ROWS = [R.RowSplits, R.RowLengths, R.RowStarts, R.RowLimits, R.ValueRowIds]


def cuts_of(kind, lengths):
    """Return what a partition of this kind says where rows have these lengths."""
    ends = np.cumsum(lengths).tolist()
    return {
        "RowSplits": [0, *ends],
        "RowLengths": list(lengths),
        "RowStarts": [0, *ends][: len(lengths)],
        "RowLimits": ends,
        "ValueRowIds": np.repeat(np.arange(len(lengths)), lengths).tolist(),
    }[kind.__name__]


def integers(values):
    return np.array(values, np.int64)


def grouped(values, lengths):
    ends = np.cumsum(lengths).tolist()
    return [values[end - length : end] for length, end in zip(lengths, ends, strict=True)]


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("records", [1, 5, 300])
def test_rows_as_a_partition_says(kind, records):
    draw = random.Random(records)
    serialized, expected = [], []
    for number in range(records):
        lengths = [draw.randint(0, 3) for _ in range(draw.randint(0, 4))]
        if kind is R.ValueRowIds and lengths and lengths[-1] == 0:
            # Rows that are empty at the end say nothing of themselves there.
            lengths[-1] = 1
        values = [number * 100 + index for index in range(sum(lengths))]
        expected.append(grouped(values, lengths))
        example = {"v": integers(values), "n": integers(cuts_of(kind, lengths))}
        serialized.append(tfr.encode_example(example))
    empty = tfr.encode_example({"v": integers([]), "n": integers(cuts_of(kind, []))})
    serialized, expected = [empty, *serialized, empty], [[], *expected, []]
    feature = R(np.int64, value_key="v", partitions=[kind("n")])
    assert tfr.parse_example(serialized, {"x": feature})["x"].to_list() == expected
    one = tfr.parse_single_example(serialized[-1], {"x": feature})["x"]
    assert one.to_list() == expected[-1]


@pytest.mark.parametrize("kind", ROWS)
def test_a_record_without_values_and_without_what_cuts_them_has_no_rows(kind):
    """As in TensorFlow's batches; alone, a record without row splits is refused there."""
    full = tfr.encode_example({"v": [1, 2, 3], "n": cuts_of(kind, [1, 2])})
    feature = R(np.int64, value_key="v", partitions=[kind("n")])
    outer = R(np.int64, value_key="v", partitions=[R.UniformRowLength(2), kind("n")])
    for without in (tfr.encode_example({}), tfr.encode_example({"v": integers([])})):
        for records in ([without], [without, without], [full, without], [without, full, without]):
            rows = [[[1], [2, 3]] if record is full else [] for record in records]
            assert tfr.parse_example(records, {"x": feature})["x"].to_list() == rows
            expected = [[row] if row else [] for row in rows]
            assert tfr.parse_example(records, {"x": outer})["x"].to_list() == expected
        assert tfr.parse_single_example(without, {"x": feature})["x"].to_list() == []
    steps = tfr.encode_sequence_example({}, {})
    context, _, _ = tfr.parse_sequence_example([steps], {"x": feature}, {})
    assert context["x"].to_list() == [[]]


def test_the_last_partition_is_the_innermost():
    example = tfr.encode_example({"x": [1, 2, 3, 4, 5], "inner": [2, 1, 2], "outer": [1, 2]})
    feature = R(np.int64, partitions=[R.RowLengths("outer"), R.RowLengths("inner")])
    (row,) = tfr.parse_example([example], {"x": feature})["x"].to_list()
    assert row == [[[1, 2]], [[3], [4, 5]]]
    feature = R(np.int64, partitions=[R.RowLengths("n"), R.UniformRowLength(2)])
    example = tfr.encode_example({"x": [1, 2, 3, 4, 5, 6], "n": [1, 2]})
    column = tfr.parse_example([example, example], {"x": feature})["x"]
    assert column.to_list() == [[[[1, 2]], [[3, 4], [5, 6]]]] * 2
    assert column.values.values.shape == (6, 2)


@pytest.mark.parametrize(
    ("kind", "cuts"),
    [
        (R.RowSplits, []),
        (R.RowSplits, [1, 3]),
        (R.RowSplits, [0, 2]),
        (R.RowSplits, [0, 2, 1, 3]),
        (R.RowLengths, [1, 1]),
        (R.RowLengths, [4, -1]),
        (R.RowLengths, [2**62, 2**62, 3]),
        (R.RowStarts, [1, 2]),
        (R.RowStarts, [0, 5]),
        (R.RowStarts, []),
        (R.RowLimits, [1, 2]),
        (R.RowLimits, [2, 1, 3]),
        (R.ValueRowIds, [0, 0]),
        (R.ValueRowIds, [0, 1, 0]),
        (R.ValueRowIds, [-1, 0, 0]),
        (R.ValueRowIds, [0, 1, 2**62]),
    ],
)
def test_partitions_that_do_not_fit_their_record(kind, cuts):
    good = tfr.encode_example({"v": [1, 2, 3], "n": cuts_of(kind, [1, 2])})
    # What one record lacks another may have: the sums of both would fit.
    bad = tfr.encode_example({"v": [1, 2, 3], "n": integers(cuts)})
    feature = R(np.int64, value_key="v", partitions=[kind("n")])
    for records in ([good, bad, good], [good, bad]):
        with pytest.raises(
            tfr.ExampleError, match=r"feature 'x': .*do not fit 3 elements"
        ) as caught:
            tfr.parse_example(records, {"x": feature})
        assert caught.value.record == 1


@pytest.mark.parametrize("row", [2**63 - 1, 2**62, 2**31 - 2, 2048])
def test_a_forged_row_number_takes_no_memory_and_no_value(row):
    feature = R(np.int64, value_key="v", partitions=[R.ValueRowIds("n")])
    bad = tfr.encode_example({"v": [1], "n": integers([row])})
    good = tfr.encode_example({"v": [1], "n": [2047]})
    for records in ([bad], [good, bad], [good] * 100 + [bad]):
        with pytest.raises(tfr.ExampleError, match=f"of 'n', {row}, do not fit") as caught:
            tfr.parse_example(records, {"x": feature})
        assert caught.value.record == len(records) - 1
    assert tfr.parse_example([good], {"x": feature})["x"].to_list() == [[[]] * 2047 + [[1]]]


def test_a_uniform_length_that_does_not_fit():
    records = [tfr.encode_example({"x": integers(range(count))}) for count in (4, 3, 1)]
    with pytest.raises(tfr.ExampleError, match="found 3 elements, expected a multiple of 2"):
        tfr.parse_example(records, {"x": R(np.int64, partitions=[R.UniformRowLength(2)])})


@pytest.mark.parametrize("already_sorted", [False, True])
def test_sparse_values_by_one_index(already_sorted):
    records = [
        tfr.encode_example({"at": [3, 0], "v": [1.5, 2.5]}),
        tfr.encode_example({}),
        tfr.encode_example({"at": [4], "v": [3.5]}),
    ]
    feature = tfr.SparseFeature("at", "v", np.float32, 5, already_sorted)
    column = tfr.parse_example(records, {"x": feature})["x"]
    expected = [[0, 3], [0, 0], [2, 4]] if already_sorted else [[0, 0], [0, 3], [2, 4]]
    assert column.indices.tolist() == expected
    assert column.values.tolist() == ([1.5, 2.5, 3.5] if already_sorted else [2.5, 1.5, 3.5])
    assert column.dense_shape.tolist() == [3, 5]
    one = tfr.parse_single_example(records[0], {"x": feature})["x"]
    assert one.indices[:, 0].tolist() == [row[1] for row in expected[:2]]
    assert one.dense_shape.tolist() == [5]


def test_sparse_values_by_two_indices(tmp_path):
    feature = tfr.SparseFeature(["r", "c"], "v", bytes, [3, 4])
    records = [
        tfr.encode_example({"r": [2, 0], "c": [1, 3], "v": [b"a", b"b"]}),
        tfr.encode_example({"r": [1], "c": [0], "v": [b"c"]}),
    ] * 3
    tfr.write_records(tmp_path / "a", records)
    found = list(tfr.read_batches(tmp_path / "a", {"x": feature}, batch_size=4))
    assert [column["x"].dense_shape.tolist() for column in found] == [[4, 3, 4], [2, 3, 4]]
    assert found[0]["x"].values.tolist() == [b"b", b"a", b"c"] * 2
    assert found[1]["x"].indices.tolist() == [[0, 0, 3], [0, 2, 1], [1, 1, 0]]


@pytest.mark.parametrize(
    ("example", "text"),
    [
        ({"at": [1], "v": [1.5, 2.5]}, "found 1 indices of 'at' for 2 values of 'v'"),
        ({"at": [1, 5], "v": [1.5, 2.5]}, "found index 5 of 'at', expected 0 to 4 for the size 5"),
        ({"at": [1, -1], "v": [1.5, 2.5]}, "found index -1 of 'at', expected 0 to 4"),
        ({"at": [1.5], "v": [1.5]}, "'at': found float32 values, expected int64"),
    ],
)
def test_indices_that_do_not_fit(example, text):
    records = [tfr.encode_example({"at": [0], "v": [0.5]}), tfr.encode_example(example)]
    feature = tfr.SparseFeature("at", "v", np.float32, 5)
    with pytest.raises(tfr.ExampleError, match=f"feature 'x': {text}") as caught:
        tfr.parse_example(records, {"x": feature})
    assert caught.value.record == 1


def test_where_tensorflow_checks_less_or_more():
    """What docs/conformance.md says of features of several keys."""
    tf = pytest.importorskip("tensorflow")
    outside = tfr.encode_example({"at": [7, -1], "v": [1, 2]})
    beyond = tfr.encode_example({"v": [1, 2], "n": [1]})
    without = tfr.encode_example({})

    def features(io, dtype):
        ragged = io.RaggedFeature
        return [
            (outside, io.SparseFeature("at", "v", dtype, 5)),
            (beyond, ragged(dtype, "v", [ragged.RowLengths("n")])),
            (without, ragged(dtype, "v", [ragged.RowSplits("n")])),
        ]

    theirs = features(tf.io, tf.int64)
    with pytest.raises(tfr.ExampleError, match="index 7 of 'at'"):
        tfr.parse_example(*in_batch(features(tfr, np.int64)[0]))
    # TensorFlow's own tests have such a record.
    for io, dtype in ((tf.io, tf.int64), (compat.io, compat.int64)):
        for feature in {features(io, dtype)[0], theirs[0]}:
            found = io.parse_example(*in_batch(feature))["x"]
            assert np.array(found.indices).tolist() == [[0, -1], [0, 7]]
            assert np.array(found.values).tolist() == [2, 1]
            assert np.array(found.dense_shape).tolist() == [1, 5]
    tf.io.parse_example(*in_batch(theirs[1]))
    assert tf.io.parse_example(*in_batch(theirs[2]))["x"].to_list() == [[]]
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.io.parse_single_example(without, {"x": theirs[2][1]._replace(validate=True)})
    for io, dtype, refused in (
        (tfr, np.int64, tfr.ExampleError),
        (compat.io, compat.int64, compat.errors.InvalidArgumentError),
    ):
        ours = features(io, dtype)
        with pytest.raises(refused, match="do not fit 2 elements"):
            io.parse_example(*in_batch(ours[1]))
        assert io.parse_example(*in_batch(ours[2]))["x"].to_list() == [[]]
        assert io.parse_single_example(without, {"x": ours[2][1]})["x"].to_list() == []


def in_batch(case):
    """Return what parse_example takes for a record and a feature."""
    record, feature = case
    return [record], {"x": feature}


@pytest.mark.parametrize("count", [1, 5, 500])
def test_byte_strings_as_bytes(tmp_path, count):
    draw = random.Random(count)
    strings = [draw.randbytes(draw.choice([0, 1, 7, 127, 128, 3000])) for _ in range(count)]
    records = [
        tfr.encode_example({"b": s, "n": 1} if i % 7 else {"n": 1}) for i, s in enumerate(strings)
    ]
    expected = [s if i % 7 else b"" for i, s in enumerate(strings)]
    column = tfr.parse_example(records, {"b": R(np.uint8)})["b"]
    assert column.values.dtype == np.uint8
    assert [row.tobytes() for row in column] == expected
    tfr.write_records(tmp_path / "a", records)
    batches = tfr.read_batches(tmp_path / "a", {"b": R("uint8")}, batch_size=3)
    assert [row.tobytes() for batch in batches for row in batch["b"]] == expected
    # And back, a row of no bytes being an empty string.
    block = tfr.encode_examples({"b": column}, {"b": R(np.uint8)})
    assert block.to_list() == [tfr.encode_example({"b": string}) for string in expected]
    rows = list(column)
    assert tfr.encode_examples({"b": rows}, {"b": R(np.uint8)}).to_list() == block.to_list()


def test_more_than_one_byte_string_is_none():
    records = [tfr.encode_example({"b": b"one"}), tfr.encode_example({"b": [b"a", b"b"]})]
    with pytest.raises(tfr.ExampleError, match="found 2 byte strings, expected one for uint8"):
        tfr.parse_example(records, {"b": R(np.uint8)})


@pytest.mark.parametrize(
    "make",
    [
        lambda: R(np.uint8, partitions=[R.RowLengths("n")]),
        lambda: R(np.int64, partitions=["n"]),
        lambda: R(np.int64, partitions=[R.RowLengths(3)]),
        lambda: R(np.int64, partitions=[R.UniformRowLength(0)]),
        lambda: R(np.int64, value_key=3),
        lambda: tfr.SparseFeature("at", "v", np.float32, [1, 2]),
        lambda: tfr.SparseFeature([], "v", np.float32, []),
        lambda: tfr.SparseFeature("at", 3, np.float32, 5),
        lambda: tfr.SparseFeature("at", "v", np.uint8, 5),
        lambda: tfr.SparseFeature("at", "v", np.float32, -1),
        # Beyond what NumPy counts.
        lambda: tfr.SparseFeature("at", "v", np.float32, 1 << 63),
        lambda: R(np.int64, partitions=[R.UniformRowLength(1 << 32)]),
        lambda: R(np.int64, partitions=[R.UniformRowLength(1 << 20)] * 2),
        # Beyond what Python writes, or makes a float of.
        lambda: R(np.int64, partitions=[R.UniformRowLength(-(10**5000))]),
        lambda: tfr.SparseFeature("at", "v", np.float32, 10**5000),
        lambda: tfr.FixedLenFeature([10**5000], np.float32),
        lambda: tfr.FixedLenFeature([], np.float32, 10**400),
        lambda: tfr.FixedLenFeature([], np.int64, 10**5000),
    ],
)
def test_invalid_features(make):
    with pytest.raises(ValueError, match="length|size|partition|key|empty|dtype|float32|shape"):
        make()


def test_the_largest_sizes_that_are_read():
    record = tfr.encode_example({"n": [7], "at": [(1 << 63) - 2]})
    lengths = [R.UniformRowLength(1 << 20)]
    features = {
        # What stands between uniform lengths says anew how many there are.
        "rows": R(np.int64, "v", [*lengths, R.RowLengths("none"), *lengths]),
        "at": tfr.SparseFeature("at", "n", np.int64, (1 << 63) - 1),
    }
    assert tfr.parse_example([record], {"at": features["at"]})["at"].values.tolist() == [7]
    empty = tfr.parse_example([tfr.encode_example({})], features)
    assert len(empty["rows"]) == 1
    assert len(empty["at"].values) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda io, i, _: io.RaggedFeature(i, value_key=""),
        lambda io, i, _: io.RaggedFeature(i, "", [io.RaggedFeature.RowLengths("n")]),
        lambda io, i, f: io.SparseFeature("x", "", i, 5),
        lambda io, i, f: io.SparseFeature("", "f", f, 5),
    ],
)
def test_an_empty_name_of_values_or_indices_is_refused_as_by_tensorflow(make):
    """It read the feature's own key, in silence."""
    with pytest.raises(ValueError, match="empty"):
        make(tfr, np.int64, np.float32)
    with pytest.raises(ValueError, match="empty"):
        make(compat.io, compat.int64, compat.float32)
    tf = pytest.importorskip("tensorflow")
    with pytest.raises(ValueError, match="empty|Missing"):
        tf.io.parse_example([b""], {"x": make(tf.io, tf.int64, tf.float32)})


def test_other_keys_may_be_empty():
    """As may the name of a feature, and as in TensorFlow."""
    record = tfr.encode_example({"": [1, 1], "x": [2, 3], "f": [0.5, 1.5]})
    features = {
        "": R(np.int64),
        "x": R(np.int64, partitions=[R.RowLengths("")]),
        "f": tfr.SparseFeature(["", "x"], "f", np.float32, [5, 5]),
    }
    found = tfr.parse_example([record], features)
    assert found[""].to_list() == [[1, 1]]
    assert found["x"].to_list() == [[[2], [3]]]
    assert found["f"].indices.tolist() == [[0, 1, 2], [0, 1, 3]]


def test_what_is_read_of_several_features_is_not_written_as_one():
    for feature in (tfr.SparseFeature("at", "v", np.int64, 5), R(np.int64, "v")):
        for write in (tfr.encode_example, tfr.encode_examples):
            with pytest.raises(tfr.ExampleError, match="is read of several features"):
                write({"x": [[1]] if write is tfr.encode_examples else [1]}, {"x": feature})


def test_as_json(tmp_path):
    features = {
        "s": tfr.SparseFeature(("r", "c"), "v", np.float32, (3, 4)),
        "p": R(bytes, "w", [R.RowLengths("n"), R.UniformRowLength(2)]),
        "b": R(np.uint8),
        "plain": R(np.int64),
    }
    text = tfr.features_to_json(features)
    assert tfr.features_from_json(text) == features
    assert '"plain": {"class": "RaggedFeature", "dtype": "int64"}' in text


def differences(seed):
    """Compare with TensorFlow, of random features."""
    import tensorflow as tf

    from tfrecord_lite.tensorflow import to_tf_features

    draw = random.Random(seed)
    records = []
    depth = draw.randint(1, 3)
    kinds = [draw.choice(ROWS) for _ in range(depth)]
    for _ in range(draw.choice([1, 3, 40])):
        # Lengths at each level, from the innermost on.
        example, count = {}, draw.randint(0, 3)
        for level in range(depth):
            lengths = [draw.randint(0, 3) for _ in range(count)]
            if kinds[level] is R.ValueRowIds and lengths:
                lengths[-1] += 1
            example[f"n{level}"] = integers(cuts_of(kinds[level], lengths))
            count = sum(lengths)
        example["v"] = integers([draw.randint(-5, 300) for _ in range(count)])
        if draw.random() < 0.2:
            example = {}
        size = draw.randint(0, 4)
        example["at"] = integers(draw.sample(range(9), size))
        example["w"] = np.array([draw.random() for _ in range(size)], np.float32)
        example["b"] = draw.randbytes(draw.randint(0, 5))
        records.append(tfr.encode_example(example))
    features = {
        "x": R(np.int64, "v", [kind(f"n{level}") for level, kind in enumerate(kinds)]),
        "s": tfr.SparseFeature("at", "w", np.float32, 9),
    }
    theirs = tf.io.parse_example(records, to_tf_features(features))
    ours = tfr.parse_example(records, features)
    assert ours["x"].to_list() == theirs["x"].to_list()
    for mine, other in zip(
        ours["s"], (theirs["s"].indices, theirs["s"].values, theirs["s"].dense_shape), strict=True
    ):
        assert mine.tolist() == other.numpy().tolist()
    assert compat.io.parse_example(records, to_tf_features(features))["x"].to_list() == (
        theirs["x"].to_list()
    )


@few_or_many("seeds", 8, 60)
def test_against_tensorflow(seeds):
    pytest.importorskip("tensorflow")
    for seed in range(seeds):
        differences(seed)


def test_both_engines(tmp_path):
    pytest.importorskip("tensorflow")
    from tfrecord_lite.tensorflow import make_dataset

    records = [
        tfr.encode_example(
            {
                "v": integers(range(number % 4 * 2)),
                "n": integers([number % 4] * (number % 4 > 0)),
                "at": integers(range(number % 3)),
                "w": np.arange(number % 3, dtype=np.float32),
                "b": bytes(range(number)),
            }
        )
        for number in range(20)
    ]
    tfr.write_records(tmp_path / "a", records)
    features = {
        "x": R(np.int64, "v", [R.RowLengths("n"), R.UniformRowLength(2)]),
        "s": tfr.SparseFeature("at", "w", np.float32, 9),
        "b": R(np.uint8),
    }
    found = []
    for engine in ("tf.data", "numpy"):
        data = make_dataset(tmp_path / "a", features, batch_size=6, engine=engine)
        found.append(
            [
                (
                    batch["x"].to_list(),
                    batch["s"].indices.numpy().tolist(),
                    batch["s"].values.numpy().tolist(),
                    batch["s"].dense_shape.numpy().tolist(),
                    batch["b"].to_list(),
                )
                for batch in data
            ]
        )
    assert found[0] == found[1]
    assert [row for batch in found[0] for row in batch[4]] == [list(range(n)) for n in range(20)]
    assert "tensorflow" in sys.modules
