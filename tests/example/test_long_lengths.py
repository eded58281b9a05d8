"""Lengths of five bytes, in every place of a record: of strings from 2^28 bytes on, or over-long.

protobuf reads both, and refuses a length of six bytes. What columns are made of is found by ways
that look at four bytes, so each of them has to notice these records.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from differential.settings import applied
from example.odd_bytes import varint

import tfrecord_lite as tfr

PLACES = ("string", "list", "run", "integers", "feature", "key", "entry", "features")
STEP_PLACES = ("string", "list", "run", "integers", "step")
SEQUENCE_PLACES = (*STEP_PLACES, "steps", "key", "entry", "lists")
SETTINGS = [
    None,
    *(
        f"{name}={how}"
        for name in (
            "walked_lists",
            "walked_list_bytes",
            "chained_list_bytes",
            "walked_records",
            "short_features_bytes",
            "layout_records",
        )
        for how in ("smallest", "never")
    ),
]
WORDS: Any = tfr.RaggedFeature(bytes)
IDS: Any = tfr.RaggedFeature(np.int64)


class Form:
    """Messages whose lengths in one place take so many bytes."""

    def __init__(self, place: str = "", width: int = 5) -> None:
        self.place, self.width = place, width

    def message(self, place: str, tag: int, content: bytes) -> bytes:
        size = len(content)
        padding = self.width - len(varint(size)) if place == self.place else 0
        return bytes([tag]) + varint(size, padding=padding) + content

    def texts(self, strings: list[bytes]) -> bytes:
        texts = b"".join(self.message("string", 0x0A, text) for text in strings)
        return self.message("list", 0x0A, texts)

    def numbers(self, values: bytes) -> bytes:
        return self.message("integers", 0x1A, self.message("run", 0x0A, values))

    def entry(self, key: bytes, value: bytes, place: str = "feature") -> bytes:
        both = self.message("key", 0x0A, key) + self.message(place, 0x12, value)
        return self.message("entry", 0x0A, both)

    def example(self, strings: list[bytes], values: bytes, order: int = 1) -> bytes:
        entries = [self.entry(b"ids", self.numbers(values)), self.entry(b"w", self.texts(strings))]
        return self.message("features", 0x0A, b"".join(entries[::order]))

    def sequence(self, strings: list[bytes], values: bytes, order: int = 1) -> bytes:
        steps = [
            (b"ids", [self.numbers(values)] * 2),
            (b"w", [self.texts(strings), self.texts(strings[:1])]),
        ]
        lists = b"".join(
            self.entry(key, b"".join(self.message("step", 0x0A, one) for one in of_key), "steps")
            for key, of_key in steps[::order]
        )
        return Form().example(strings, values) + self.message("lists", 0x12, lists)


def plain_ones(make: Any) -> list[bytes]:
    """Return plain records, of one string and of several, short and long ones."""
    one = [make([b"s%d" % number], bytes([number])) for number in range(40)]
    some = [make([b"x" * number, b"\x0a" * (number % 3)], b"\x01\x02") for number in range(70)]
    return [*one, *some, make([b"y" * 150] * 20, b"\x03"), make([b"z" * 4000, b""], b"\x04")]


def mixed(name: str, places: tuple[str, ...]) -> list[bytes]:
    """Return plain records and, between them and after them, such with a long length in a place.

    These have their features in another order, too: so their lists are come to without the others.
    """
    records = plain_ones(getattr(Form(), name))
    for number, place in enumerate(places):
        make = getattr(Form(place), name)
        records.insert(9 * number, make([b"\xbf"], b"\x05", -1))
        records += [make([b"a", b"b" * 200], b"\x06"), make([b"one", b"two"], b"\x07\x08", -1)]
    return records


@pytest.mark.parametrize("setting", SETTINGS)
def test_examples_with_lengths_of_five_bytes_among_others(setting: str | None) -> None:
    records = mixed("example", PLACES)
    expected = [tfr.decode_example(record) for record in records]
    with applied(setting):
        found = tfr.parse_example(records, {"w": WORDS, "ids": IDS})
        inferred = tfr.parse_example(records)
    for columns in (found, inferred):
        assert columns["w"].to_list() == [row["w"] for row in expected]
        assert columns["ids"].to_list() == [row["ids"].tolist() for row in expected]  # type: ignore[union-attr]


@pytest.mark.parametrize("setting", SETTINGS)
def test_sequences_with_lengths_of_five_bytes_among_others(setting: str | None) -> None:
    records = mixed("sequence", SEQUENCE_PLACES)
    expected = [tfr.decode_sequence_example(record)[1] for record in records]
    features = {"w": WORDS, "ids": IDS}
    with applied(setting):
        _, found, _ = tfr.parse_sequence_example(records, features, features)
    assert found["w"].to_list() == [row["w"] for row in expected]
    assert found["ids"].to_list() == [[step.tolist() for step in row["ids"]] for row in expected]


@pytest.mark.parametrize(
    "feature",
    [
        tfr.FixedLenFeature([], bytes),
        tfr.FixedLenSequenceFeature([], bytes),
        tfr.VarLenFeature(bytes),
        tfr.RawFeature([1], np.uint8),
        tfr.RaggedFeature(np.uint8),
    ],
    ids=lambda feature: type(feature).__name__,
)
def test_each_feature_of_one_string_whose_length_has_five_bytes(feature: Any) -> None:
    for count in (1, 70):
        found, expected = (
            tfr.parse_example([Form(place).example([b"\xbf"], b"\x01")] * count, {"w": feature})[
                "w"
            ]
            for place in ("string", "")
        )
        assert isinstance(found, tfr.Ragged) == isinstance(expected, tfr.Ragged)
        as_lists = [
            one.to_list() if isinstance(one, tfr.Ragged) else one.tolist()
            for one in (found, expected)
        ]
        assert as_lists[0] == as_lists[1]
        assert len(as_lists[0]) == count


@pytest.mark.parametrize("setting", SETTINGS[:7])
@pytest.mark.parametrize("width", [6, 10])
def test_a_length_of_more_bytes_is_refused_among_others_as_by_itself(
    width: int, setting: str | None
) -> None:
    plain = plain_ones(Form().example)
    for place in PLACES:
        record = Form(place, width).example([b"a", b"b"], b"\x01")
        with pytest.raises(tfr.ExampleError, match="length of more than 5 bytes") as by_itself:
            tfr.decode_example(record)
        for features in ({"w": WORDS}, {"ids": IDS}):
            with applied(setting), pytest.raises(tfr.ExampleError) as among:
                tfr.parse_example([*plain, record, *plain], features)
            assert str(among.value) == f"record {len(plain)}: {by_itself.value}"


@pytest.mark.long
def test_a_string_of_256_mib_beside_a_short_one() -> None:
    large = bytes(1 << 28)
    for strings in ([large], [large, b"y"], [b"y", large]):
        record = tfr.encode_example({"w": strings})
        found = tfr.parse_example([record], {"w": WORDS})["w"][0]
        assert [*found] == strings
