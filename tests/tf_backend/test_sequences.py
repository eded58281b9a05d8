"""make_dataset of SequenceExamples: the tensors that TensorFlow's own parsing gives."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from dataset.test_sequences import RECORDS

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset

FEATURES = tfr.SequenceFeatures(
    {"id": int, "tags": tfr.VarLenFeature(bytes)},
    {
        "frame": tfr.FixedLenFeature([2], np.float32),
        "token": tfr.VarLenFeature(np.int64),
        "padded": tfr.FixedLenSequenceFeature([], np.int64),
        "words": tfr.RaggedFeature(bytes),
    },
)


def plain(tensor):
    if isinstance(tensor, tf.SparseTensor):
        parts = (tensor.indices, tensor.values, tensor.dense_shape)
        return [part.numpy().tolist() for part in parts]
    return tensor.to_list() if isinstance(tensor, tf.RaggedTensor) else tensor.numpy().tolist()


@pytest.mark.parametrize("options", [{}, {"cache": True}, {"workers": 1}])
def test_as_tensorflow_parses_them(tmp_path, options):
    tfr.write_records(tmp_path / "a", RECORDS)
    data = make_dataset(tmp_path / "a", FEATURES, batch_size=40, engine="numpy", **options)
    begin = 0
    for batch in data:
        context, lists, lengths = tf.io.parse_sequence_example(
            RECORDS[begin : begin + 40],
            {"id": tf.io.FixedLenFeature([], tf.int64), "tags": tf.io.VarLenFeature(tf.string)},
            {
                "frame": tf.io.FixedLenSequenceFeature([2], tf.float32),
                "token": tf.io.VarLenFeature(tf.int64),
                "padded": tf.io.FixedLenSequenceFeature([], tf.int64),
                "words": tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
            },
        )
        lists["frame"] = tf.RaggedTensor.from_tensor(lists["frame"], lengths["frame"])
        for theirs, ours in ((context, batch["context"]), (lists, batch["feature_lists"])):
            assert {name: plain(item) for name, item in ours.items()} == {
                name: plain(item) for name, item in theirs.items()
            }
        begin += 40
    assert begin >= len(RECORDS)


def test_shuffled_from_a_cache(tmp_path):
    tfr.write_records(tmp_path / "a", RECORDS)
    data = make_dataset(
        tmp_path / "a", FEATURES, batch_size=40, engine="numpy", shuffle=100, cache=True
    )
    found = [number for batch in data for number in batch["context"]["id"].numpy().tolist()]
    assert sorted(found) == list(range(len(RECORDS)))
    assert found != sorted(found)


def test_the_other_engine_says_so(tmp_path):
    tfr.write_records(tmp_path / "a", RECORDS)
    for features in (FEATURES, None):
        with pytest.raises((ValueError, tfr.ExampleError), match="SequenceExample"):
            make_dataset(tmp_path / "a", features, batch_size=40)
