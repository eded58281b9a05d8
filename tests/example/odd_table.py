"""The table of docs/odd-examples.md: what TensorFlow, protobuf and this package read in odd bytes.

Each row is a serialized Example, or a SequenceExample, and the feature that is asked for as ``a``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from example.judge import REFUSED, judge_example, judge_sequence_example
from example.odd_bytes import field, varint
from example.odd_examples import (
    A1,
    UNKNOWN,
    entry,
    example,
    floats,
    loose_floats,
    of_floats,
    of_ints,
    packed,
    unpacked,
)

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    Ragged,
    VarLenFeature,
    parse_single_example,
    parse_single_sequence_example,
)

INTS = VarLenFeature(np.int64)
FLOATS = VarLenFeature(np.float32)
ONE = FixedLenFeature([], np.int64)
OR_9 = FixedLenFeature([], np.int64, 9)
STEPS = FixedLenSequenceFeature([], np.int64, allow_missing=False)


def a(content: bytes) -> bytes:
    return example(entry(b"a", content))


def entry_of(*fields: bytes) -> bytes:
    return example(field(1, 2, b"".join(fields)))


KEY, VALUE = field(1, 2, b"a"), field(2, 2, of_ints(packed(1)))

EXAMPLES: dict[str, tuple[bytes, Any]] = {
    "nothing at all": (b"", INTS),
    "an empty Features message": (example(), INTS),
    "unpacked integers 1, 2": (a(of_ints(unpacked(1, 2))), INTS),
    "unpacked floats 1, 2": (a(of_floats(loose_floats(1, 2))), FLOATS),
    "two packed runs: 1, then 2": (a(of_ints(packed(1) + packed(2))), INTS),
    "packed 1, 2, then unpacked 3": (a(of_ints(packed(1, 2) + unpacked(3))), INTS),
    "unpacked 3, then packed 1, 2": (a(of_ints(unpacked(3) + packed(1, 2))), INTS),
    "the same key twice: 1, then 2": (example(A1, entry(b"a", of_ints(packed(2)))), INTS),
    "the same key twice: 1, then no kind": (example(A1, entry(b"a", b"")), INTS),
    "two Examples, one after the other": (example(A1) + a(of_ints(packed(2))), INTS),
    "two kinds: float 1, then integer 2": (a(of_floats(floats(1)) + of_ints(packed(2))), INTS),
    "two kinds: integer 2, then float 1": (a(of_ints(packed(2)) + of_floats(floats(1))), INTS),
    "the same kind twice: 1, then 2": (a(of_ints(packed(1)) + of_ints(packed(2))), INTS),
    "no kind": (a(b""), INTS),
    "no kind, one value expected": (a(b""), ONE),
    "no kind, one value or the default 9": (a(b""), OR_9),
    "an empty list, one value or the default 9": (a(of_ints(b"")), OR_9),
    "an empty list": (a(of_ints(b"")), INTS),
    "an entry without a key": (entry_of(VALUE), INTS),
    "an entry without a value": (entry_of(KEY), INTS),
    "an empty entry": (entry_of(), INTS),
    "a value before its key": (entry_of(VALUE, KEY), INTS),
    "a value twice in one entry": (entry_of(KEY, VALUE, field(2, 2, of_ints(packed(2)))), INTS),
    "an unknown field in an entry": (entry_of(KEY, VALUE, UNKNOWN["varint"]), INTS),
    "an unknown field in Features": (example(A1, UNKNOWN["varint"]), INTS),
    "an unknown field in Example": (example(A1) + UNKNOWN["varint"], INTS),
    "an unknown group in Example": (example(A1) + UNKNOWN["group"], INTS),
    "an unknown field before the kind": (a(UNKNOWN["varint"] + of_ints(packed(1))), INTS),
    "an unknown field after the kind": (a(of_ints(packed(1)) + UNKNOWN["varint"]), INTS),
    "an unknown field in a list": (a(of_ints(packed(1) + UNKNOWN["varint"])), INTS),
    "an over-long tag of a kind": (a(varint(0x1A, padding=1) + b"\x03" + packed(1)), INTS),
    "another key that is not UTF-8": (example(A1, entry(b"\xff", of_ints(packed(1)))), INTS),
    "an over-long varint": (a(of_ints(field(1, 2, varint(1, padding=9)))), INTS),
    "ten bytes with excess bits": (a(of_ints(field(1, 2, b"\xff" * 9 + b"\x7f"))), INTS),
    "a varint of eleven bytes": (a(of_ints(field(1, 2, b"\xff" * 10 + b"\x01"))), INTS),
    "packed floats in 5 bytes": (a(of_floats(field(1, 2, b"\0\0\x80\x3f\0"))), FLOATS),
    "another kind than the expected": (a(of_floats(floats(1))), INTS),
    "truncated": (example(A1)[:-1], INTS),
    "field number 0": (example(A1) + field(0, 0, b"\x01"), INTS),
    "an over-long tag at top level": (varint(7 << 3, padding=5) + b"\x01", INTS),
    "a length of 2^31": (b"\x0a" + varint(2**31) + A1, INTS),
    "Features as a varint": (field(1, 0, b"\x05") + example(A1), INTS),
    "floats as 8 bytes": (a(of_floats(field(1, 1, b"12345678"))), FLOATS),
}


def lists(*fields: bytes) -> bytes:
    return field(2, 2, b"".join(fields))


def steps(*features: bytes) -> bytes:
    return field(1, 2, KEY + field(2, 2, b"".join(field(1, 2, f) for f in features)))


ONE_STEP = of_ints(packed(1))
CONTEXTS: dict[str, tuple[bytes, Any]] = {
    "missing, one value expected": (b"", ONE),
    "missing, one value or the default 9": (b"", OR_9),
    "no kind, one value or the default 9": (a(b""), OR_9),
    "an empty list, one value or the default 9": (a(of_ints(b"")), OR_9),
    "a value before its key": (entry_of(VALUE, KEY), INTS),
}
LISTS: dict[str, tuple[bytes, Any]] = {
    "a missing feature list": (b"", STEPS),
    "a missing feature list, any number of values": (b"", INTS),
    "a feature list without steps": (lists(steps()), STEPS),
    "a step of no kind": (lists(steps(ONE_STEP, b"")), STEPS),
    "an empty step": (lists(steps(ONE_STEP, of_ints(b""))), STEPS),
    "an empty step, any number of values": (lists(steps(ONE_STEP, of_ints(b""))), INTS),
    "unpacked steps": (lists(steps(of_ints(unpacked(1)))), STEPS),
    "two packed runs in a step": (lists(steps(of_ints(packed(1) + packed(2)))), INTS),
    "the same key twice: one step, then two": (
        lists(steps(ONE_STEP), steps(*[ONE_STEP] * 2)),
        STEPS,
    ),
    "two FeatureLists messages": (lists(steps(ONE_STEP)) + lists(steps(*[ONE_STEP] * 2)), STEPS),
}
TABLES = {"Examples": EXAMPLES, "Contexts": CONTEXTS, "Feature lists": LISTS}


def shown(value: Any) -> str:
    """Return a cell of the table."""
    if isinstance(value, (str, list)):
        return str(value)
    if isinstance(value, tuple):
        kind, items = value
        value = items if kind == "int64" else np.frombuffer(items, "<f4")
    if isinstance(value, Ragged):
        value = value.to_list()
    return str(np.asarray(value).tolist() if not isinstance(value, list) else value)


def by_protobuf(table: str, data: bytes) -> str:
    found = judge_example(data) if table == "Examples" else judge_sequence_example(data)
    if found == REFUSED:
        return REFUSED
    features = {"Examples": lambda: found, "Contexts": lambda: found[0]}.get(
        table, lambda: found[1]
    )()
    if "a" not in features:
        return "missing"
    value = features["a"]
    if value is None:
        return "no kind"
    if table == "Feature lists":
        return str(["no kind" if step is None else step[1] for step in value])
    return shown(value)


def _parsed(data: bytes, feature: Any, *, strict: bool) -> str:
    try:
        return shown(parse_single_example(data, {"a": feature}, strict=strict)["a"])
    except ExampleError:
        return REFUSED


def by_us(table: str, data: bytes, feature: Any) -> str:
    if table == "Examples":
        found = [_parsed(data, feature, strict=strict) for strict in (True, False)]
        return found[0] if found[0] == found[1] else f"{found[0]}; {found[1]} with `strict=False`"
    try:
        if table == "Contexts":
            return shown(parse_single_sequence_example(data, {"a": feature}, strict=False)[0]["a"])
        return shown(parse_single_sequence_example(data, {}, {"a": feature}, strict=False)[1]["a"])
    except ExampleError:
        return REFUSED


def by_tensorflow(
    tf: Any, convert: Callable[..., Any], table: str, data: bytes, feature: Any
) -> str:
    features = convert(tf, {"a": feature})
    try:
        if table == "Examples":
            found = tf.io.parse_single_example(data, features)["a"]
        elif table == "Contexts":
            found = tf.io.parse_single_sequence_example(data, features)[0]["a"]
        else:
            found = tf.io.parse_single_sequence_example(data, {}, features)[1]["a"]
    # TensorFlow's message shows the bytes, and Python may fail to decode it.
    except (tf.errors.InvalidArgumentError, UnicodeDecodeError):
        return REFUSED
    if isinstance(found, tf.SparseTensor):
        if found.dense_shape.shape[0] == 1:
            return shown(found.values.numpy().tolist())
        rows: list[list[Any]] = [[] for _ in range(int(found.dense_shape[0]))]
        for (row, _), value in zip(found.indices.numpy(), found.values.numpy(), strict=True):
            rows[row].append(value.item())
        return shown(rows)
    return shown(found.numpy())


def rows_of(text: str) -> dict[str, list[list[str]]]:
    """Return the cells of the tables of a Markdown text, by their headings."""
    tables: dict[str, list[list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("| ") and not line.startswith(("| In the bytes", "|--")):
            tables.setdefault(heading, []).append(
                [cell.strip() for cell in line.strip("|").split("|")]
            )
    return tables
