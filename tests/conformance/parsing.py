"""Ordinary Examples as protobuf writes them, the features asked for, and the columns they have.

What is odd about the bytes of an Example is in `example.odd_table`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from example.judge import REFUSED

from tfrecord_lite.example import (
    BytesList,
    Example,
    Feature,
    Features,
    FixedLenFeature,
    FixedLenSequenceFeature,
    FloatList,
    Int64List,
    RaggedFeature,
    VarLenFeature,
)

INT, FLOAT = np.int64, np.float32


def ints(*values: int) -> Feature:
    return Feature(int64_list=Int64List(value=values))


def floats(*values: float) -> Feature:
    return Feature(float_list=FloatList(value=values))


def strings(*values: bytes) -> Feature:
    return Feature(bytes_list=BytesList(value=values))


def made(**features: Feature) -> bytes:
    return Example(features=Features(feature=features)).SerializeToString()


Case = tuple[list[bytes], dict[str, Any], Any]


def one(feature: Feature | None, asked: Any, expected: Any) -> Case:
    """Make a case of one record with one feature, ``a``, beside another that nobody asks for."""
    features = {} if feature is None else {"a": feature}
    found = expected if expected == REFUSED else {"a": [expected]}
    return [made(other=ints(1, 2, 3), **features)], {"a": asked}, found


LARGEST = 2**63 - 1
LONG = bytes(range(256)) * 300

PARSING: dict[str, Case] = {
    "an integer": one(ints(5), FixedLenFeature([], INT), 5),
    "the largest and the smallest integer": one(
        ints(LARGEST, -LARGEST - 1), FixedLenFeature([2], INT), [LARGEST, -LARGEST - 1]
    ),
    "a matrix of integers": one(
        ints(*range(6)), FixedLenFeature([2, 3], INT), [[0, 1, 2], [3, 4, 5]]
    ),
    "a float": one(floats(0.5), FixedLenFeature([], FLOAT), 0.5),
    "floats that are no numbers": one(
        floats(float("inf"), float("-inf")),
        FixedLenFeature([2], FLOAT),
        [float("inf"), float("-inf")],
    ),
    "a byte string": one(strings(b"x\0"), FixedLenFeature([], bytes), b"x\0"),
    "an empty byte string": one(strings(b""), FixedLenFeature([], bytes), b""),
    "a long byte string": one(strings(LONG), FixedLenFeature([], bytes), LONG),
    "byte strings": one(strings(b"x", b"", LONG), FixedLenFeature([3], bytes), [b"x", b"", LONG]),
    "a shape of no elements": one(ints(), FixedLenFeature([0], INT), []),
    "no integer where one is expected": one(ints(), FixedLenFeature([], INT), REFUSED),
    "two integers where one is expected": one(ints(1, 2), FixedLenFeature([], INT), REFUSED),
    "one float where two are expected": one(floats(1), FixedLenFeature([2], FLOAT), REFUSED),
    "two byte strings where one is expected": one(
        strings(b"a", b"b"), FixedLenFeature([], bytes), REFUSED
    ),
    "an integer where a float is expected": one(ints(1), FixedLenFeature([], FLOAT), REFUSED),
    "a byte string where integers are expected": one(strings(b"1"), VarLenFeature(INT), REFUSED),
    "a missing feature": one(None, FixedLenFeature([], INT), REFUSED),
    "a missing feature with a default": one(None, FixedLenFeature([], INT, 7), 7),
    "a missing feature with a default matrix": one(
        None, FixedLenFeature([2, 1], FLOAT, [[0.5], [1.5]]), [[0.5], [1.5]]
    ),
    "a missing byte string with a default": one(None, FixedLenFeature([], bytes, b"?"), b"?"),
    "a feature of no kind with a default": one(Feature(), FixedLenFeature([], INT, 7), 7),
    "any number: none": one(ints(), VarLenFeature(INT), []),
    "any number: missing": one(None, VarLenFeature(bytes), []),
    "any number: three": one(floats(1, 2, 3), VarLenFeature(FLOAT), [1.0, 2.0, 3.0]),
    "ragged: none": one(strings(), RaggedFeature(bytes), []),
    "ragged: three": one(strings(b"a", b"", b"c"), RaggedFeature(bytes), [b"a", b"", b"c"]),
    "a sequence of pairs": one(
        ints(1, 2, 3, 4), FixedLenSequenceFeature([2], INT), [[1, 2], [3, 4]]
    ),
    "a sequence of pairs with one value too few": one(
        ints(1, 2, 3), FixedLenSequenceFeature([2], INT), REFUSED
    ),
    "a missing sequence": one(None, FixedLenSequenceFeature([], INT), []),
    "several features": (
        [made(image=strings(LONG), label=ints(3), größe=floats(0.5, 1.5))],
        {
            "größe": FixedLenFeature([2], FLOAT),
            "label": FixedLenFeature([], INT),
            "nowhere": VarLenFeature(INT),
        },
        {"größe": [[0.5, 1.5]], "label": [3], "nowhere": [[]]},
    ),
    "records of different lengths": (
        [made(a=ints(*range(count)), b=strings(b"x" * count)) for count in (2, 0, 300, 1)],
        {"a": VarLenFeature(INT), "b": FixedLenFeature([], bytes)},
        {
            "a": [[0, 1], [], list(range(300)), [0]],
            "b": [b"xx", b"", b"x" * 300, b"x"],
        },
    ),
    "a sequence is padded to the longest": (
        [made(a=ints(1)), made(a=ints(1, 2, 3)), made()],
        {"a": FixedLenSequenceFeature([], INT)},
        {"a": [[1, 0, 0], [1, 2, 3], [0, 0, 0]]},
    ),
    "a sequence is padded with the default": (
        [made(a=strings(b"x")), made()],
        {"a": FixedLenSequenceFeature([], bytes, default_value=b"-")},
        {"a": [[b"x"], [b"-"]]},
    ),
    "a feature that some records have": (
        [made(a=ints(1)), made(), made(a=ints(3))],
        {"a": FixedLenFeature([], INT, -1)},
        {"a": [1, -1, 3]},
    ),
    "one bad record among good ones": (
        [made(a=ints(1)), made(a=ints(1, 2)), made(a=ints(3))],
        {"a": FixedLenFeature([], INT)},
        REFUSED,
    ),
    "one record that is no Example": (
        [made(a=ints(1)), b"no Example", made(a=ints(3))],
        {"a": FixedLenFeature([], INT)},
        REFUSED,
    ),
    "an empty record": ([b""], {"a": VarLenFeature(INT)}, {"a": [[]]}),
}
