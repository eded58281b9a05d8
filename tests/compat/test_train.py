"""tf.train: the messages, and what goes into an Int64List."""

from __future__ import annotations

import enum

import numpy as np
import pytest

import tfrecord_lite as tfr
import tfrecord_lite.compat as tf
from tfrecord_lite.example import messages


class Color(enum.IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (True, 1),
        (False, 0),
        (np.True_, 1),
        (np.array(True), 1),
        (tf.constant(True), 1),
        (7, 7),
        (Color.RED, 3),
        (np.int8(-7), -7),
        (np.uint16(7), 7),
        (np.uint64(2**63 - 1), 2**63 - 1),
        (np.array(7), 7),
        (tf.constant(7), 7),
        (-(2**63), -(2**63)),
    ],
)
def test_what_an_int64_list_takes(value, stored):
    for values in ([value], (value,), [1, value], iter([value]), (one for one in [value])):
        assert list(tf.train.Int64List(value=values).value)[-1] == stored


@pytest.mark.parametrize("value", [1.0, np.float32(1), "1", b"1", None, [1], tf.constant(1.0)])
def test_what_an_int64_list_refuses(value):
    for values in ([value], [True, value], iter([True, value])):
        with pytest.raises(TypeError):
            tf.train.Int64List(value=values)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, np.uint64(2**63)])
def test_what_no_int64_holds(value):
    for values in ([value], [True, value]):
        with pytest.raises(ValueError, match="range"):
            tf.train.Int64List(value=values)


@pytest.mark.parametrize(
    "values", [np.array([True, False]), np.arange(3, dtype=np.uint8), tf.constant([1, 2]), range(3)]
)
def test_arrays(values):
    assert list(tf.train.Int64List(value=values).value) == [int(one) for one in values]


def test_the_rest_of_the_class_is_there():
    made = tf.train.Int64List(value=[True])
    assert isinstance(made, tf.train.Int64List)
    assert not isinstance(tf.train.FloatList(), tf.train.Int64List)
    assert tf.train.Int64List.FromString(made.SerializeToString()) == made
    assert tf.train.Int64List.DESCRIPTOR.full_name == "tensorflow.Int64List"
    assert tf.train.Int64List() == tf.train.Int64List(value=None) == tf.train.Int64List(value=[])
    assert type(made) is messages.Int64List
    strings = tf.train.BytesList(value=[b"a"])
    assert isinstance(strings, tf.train.BytesList)
    assert tf.train.BytesList.FromString(strings.SerializeToString()) == strings
    assert tf.train.BytesList() == tf.train.BytesList(value=None) == messages.BytesList()
    with pytest.raises(AttributeError, match="nothing"):
        _ = tf.train.Int64List.nothing


def test_tensors_in_the_other_lists():
    floats = tf.train.FloatList(value=[tf.constant(1.5), *tf.constant([2.5, 3.5])])
    assert list(floats.value) == [1.5, 2.5, 3.5]
    assert list(tf.train.FloatList(value=tf.constant([1.5, 2.5])).value) == [1.5, 2.5]
    strings = tf.train.BytesList(value=[tf.constant("a"), tf.io.serialize_tensor([1.0]), b"c"])
    assert list(strings.value)[::2] == [b"a", b"c"]
    assert list(tf.train.BytesList(value=tf.constant(["a", "b"])).value) == [b"a", b"b"]


class Tensor:
    """A tensor of another library: all that is known of it is ``numpy()``."""

    def __init__(self, value):
        self.value = value

    def numpy(self):
        return self.value


def test_tensors_of_others():
    integers = [Tensor(np.int32(7)), True, Tensor(np.True_), 2, Tensor(np.array(3))]
    assert list(tf.train.Int64List(value=integers).value) == [7, 1, 1, 2, 3]
    assert list(tf.train.Int64List(value=Tensor(np.array([4, 5]))).value) == [4, 5]
    assert list(tf.train.Int64List(value=Tensor(np.array([True]))).value) == [1]
    strings = [b"a", Tensor(b"b\0"), Tensor(b"")]
    assert list(tf.train.BytesList(value=strings).value) == [b"a", b"b\0", b""]
    assert list(tf.train.BytesList(value=iter(strings)).value) == [b"a", b"b\0", b""]
    whole = Tensor(np.array([b"a", b"b\0"], object))
    assert list(tf.train.BytesList(value=whole).value) == [b"a", b"b\0"]
    for make, value in (
        (tf.train.Int64List, Tensor(np.float32(1))),
        (tf.train.Int64List, Tensor(b"1")),
        (tf.train.BytesList, Tensor("text")),
        (tf.train.BytesList, Tensor(1)),
    ):
        with pytest.raises(TypeError):
            make(value=[value])


@pytest.mark.tensorflow
def test_tensorflows_tensors_go_where_its_own_lists_refuse_them():
    tensorflow = pytest.importorskip("tensorflow")
    flag, text = tensorflow.constant(True), tensorflow.constant("text")
    for make, value in (
        (tensorflow.train.BytesList, [text]),
        (tensorflow.train.Int64List, [True]),  # as its tutorial does
    ):
        with pytest.raises(TypeError):
            make(value=value)
    assert list(tf.train.BytesList(value=[text, b"a"]).value) == [b"text", b"a"]
    strings = tensorflow.constant([b"a", b"\xff\0"])
    assert list(tf.train.BytesList(value=strings).value) == [b"a", b"\xff\0"]
    assert list(tf.train.Int64List(value=[flag, True, tensorflow.constant(7)]).value) == [1, 1, 7]
    assert list(tf.train.Int64List(value=tensorflow.range(3)).value) == [0, 1, 2]
    assert list(tf.train.Int64List(value=tensorflow.constant([True, False])).value) == [1, 0]


def test_messages_nest_and_parse():
    features = tf.train.Features(
        feature={
            "flag": tf.train.Feature(int64_list=tf.train.Int64List(value=[True])),
            "name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"goat"])),
            "weight": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5])),
        }
    )
    data = tf.train.Example(features=features).SerializeToString()
    decoded = tfr.decode_example(data)
    assert decoded["flag"].tolist() == [1]
    assert decoded["name"] == [b"goat"]
    assert decoded["weight"].tolist() == [0.5]
    example = tf.train.Example()
    example.ParseFromString(data)
    assert example == tf.train.Example.FromString(data)
    example.MergeFromString(data)
    assert example.features == features
    assert example.features.feature["name"].bytes_list.value[0] == b"goat"

    steps = [
        tf.train.Feature(int64_list=tf.train.Int64List(value=[step, step > 0])) for step in range(2)
    ]
    sequence = tf.train.SequenceExample(
        context=features,
        feature_lists=tf.train.FeatureLists(
            feature_list={"steps": tf.train.FeatureList(feature=steps)}
        ),
    )
    context, lists = tfr.decode_sequence_example(sequence.SerializeToString())
    assert context["name"] == [b"goat"]
    assert [step.tolist() for step in lists["steps"]] == [[0, 0], [1, 1]]
