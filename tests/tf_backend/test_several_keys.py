"""Features of several keys, and those of no values: the engines fit each record by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tf_backend.tensors import ENGINES, batches

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset, to_tf_features

Ragged = tfr.RaggedFeature
NOTHING = np.zeros(0, np.float32)
GOOD = {"v": [1.0, 2.0], "n": [1, 1], "at": [2, 0]}

LENGTHS = Ragged(np.float32, "v", [Ragged.RowLengths("n")])
PAIRS = Ragged(np.float32, "v", [Ragged.UniformRowLength(2)])
SPARSE = tfr.SparseFeature("at", "v", np.float32, 7)


def examples(*rows: dict[str, Any]) -> list[bytes]:
    return [tfr.encode_example(row) for row in rows]


def both(records: list[bytes], features: Any, path: Any) -> list[Any]:
    tfr.write_records(path, records)
    return [
        batches(make_dataset(path, features, batch_size=2, engine=engine)) for engine in ENGINES
    ]


@pytest.mark.parametrize(
    "features",
    [
        {"x": LENGTHS, "y": PAIRS, "z": SPARSE},
        {"x": LENGTHS, "v": tfr.FixedLenFeature([2], np.float32)},
        {"x": LENGTHS, "n": tfr.VarLenFeature(np.int64), "v": Ragged(np.float32)},
        {"x": SPARSE, "at": Ragged(np.int64), "v": tfr.FixedLenFeature([2], np.float32)},
        {"x": SPARSE, "y": Ragged(np.float32, "v")},
        {"x": tfr.SparseFeature("at", "v", np.float32, [7])},
    ],
)
def test_keys_that_other_features_have_too(features, tmp_path):
    theirs, ours = both(examples(*[GOOD] * 5), features, tmp_path / "a")
    assert theirs == ours
    assert [list(batch) for batch in theirs] == [list(features)] * 3


@pytest.mark.parametrize(
    ("feature", "rows"),
    [
        (LENGTHS, [{"v": NOTHING, "n": [5]}, {"v": [1.0] * 5, "n": np.zeros(0, int)}]),
        (PAIRS, [{"v": [1.0]}, {"v": [2.0, 3.0, 4.0]}]),
        (SPARSE, [{"v": [1.0], "at": [1, 2]}, {"v": [1.0, 2.0, 3.0], "at": [1, 2]}]),
        (SPARSE, [{"v": [1.0], "at": [7]}, GOOD]),
        (SPARSE, [{"v": [1.0], "at": [-1]}, GOOD]),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_fits_the_batch_but_no_record_is_refused(engine, feature, rows, tmp_path):
    tfr.write_records(tmp_path / "a", examples(GOOD, GOOD, *rows))
    data = iter(make_dataset(tmp_path / "a", {"x": feature}, batch_size=2, engine=engine))
    next(data)
    with pytest.raises(tf.errors.InvalidArgumentError, match="feature 'x'"):
        next(data)


def test_elements_without_values(tmp_path):
    """TensorFlow divided by their size, and the process ended."""
    features = {"x": tfr.FixedLenSequenceFeature([0, 2], np.float32), "n": int}
    theirs, ours = both(examples({"x": NOTHING, "n": 1}, {"n": 2}), features, tmp_path / "a")
    assert theirs == ours
    with pytest.raises(ValueError, match="feature 'x'.*no values"):
        to_tf_features(features)


def test_sequence_examples(tmp_path):
    record = tfr.encode_sequence_example(
        {**GOOD, "id": 3, "blob": b"xyz"},
        {"none": [NOTHING] * 2, "frames": [[1.0], [2.0], [3.0]], "words": [["a"], ["b", "c"]]},
    )
    features = tfr.SequenceFeatures(
        {"id": int, "x": LENGTHS, "v": tfr.VarLenFeature(np.float32), "y": SPARSE}
        | {"blob": Ragged(np.uint8)},
        {
            "padded": tfr.FixedLenSequenceFeature([0], np.float32),
            "none": tfr.FixedLenFeature([0], np.float32),
            "frames": tfr.FixedLenFeature([1], np.float32),
            "words": Ragged(bytes),
        },
    )
    theirs, ours = both([record] * 5, features, tmp_path / "a")
    assert theirs == ours
    assert list(theirs[0]["context"]) == list(features.context)
    assert list(theirs[0]["feature_lists"]) == list(features.feature_lists)
