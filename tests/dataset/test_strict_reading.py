"""Records that are not Examples are refused by all that reads Examples, and say what they are.

The case sequence_examples_as_columns: their feature lists were lost without a word.
"""

from __future__ import annotations

import gc
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite import compat
from tfrecord_lite.errors import ExampleError


def field(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


GOOD = tfr.encode_example({"id": 7})
SEQUENCE = tfr.encode_sequence_example({"id": 7}, {"rgb": [[1.0], [2.0]]})
# Wall time, step, and a version or a summary.
EVENT = b"\x09" + struct.pack("<d", 1.5e9) + field(3, b"brain.Event:2")
RANKING = field(1, GOOD) + field(1, GOOD)
OTHERS = {
    "a SequenceExample": (SEQUENCE, "SequenceExample: decode_sequence_example and"),
    "a SequenceExample without context": (
        tfr.encode_sequence_example({}, {"rgb": [[1.0]]}),
        "SequenceExample",
    ),
    "an event": (EVENT, "a TensorBoard event"),
    "a ranking list": (RANKING, "ExampleListWithContext: its field 1 holds Examples"),
    "a ranking list with context": (RANKING + field(2, GOOD), "ExampleListWithContext"),
    "a field of a later version": (GOOD + b"\x18\x01", "unknown field 3 at top level"),
}
ID = {"id": tfr.FixedLenFeature([], np.int64, -1)}
# One such record among others: alone, where records are walked, and where layouts are compared.
PLACES = [(0, 1), (40, 64), (700, 2000)]


def records_of(data: bytes, place: tuple[int, int]) -> list[bytes]:
    row, count = place
    records = [GOOD] * count
    records[row] = data
    return records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tfrecord"


def all_of(batches: Any) -> list[int]:
    return [number for batch in batches for number in batch["id"].tolist()]


def from_blocks(path: Path, **options: Any) -> list[int]:
    with tfr.RecordReader(path) as reader:
        return [
            number
            for block in reader.blocks()
            for number in tfr.parse_example(block, ID, **options)["id"].tolist()
        ]


def from_record_file(path: Path, **options: Any) -> list[int]:
    with tfr.RecordFile(path) as file:
        block = file.read_block(list(range(len(file)))[::-1])
        return tfr.parse_example(block, ID, **options)["id"][::-1].tolist()


WAYS: dict[str, Callable[..., list[int]]] = {
    "parse_example of blocks": from_blocks,
    "parse_example of a RecordFile": from_record_file,
    "parse_example of a list": lambda path, **options: tfr.parse_example(
        list(tfr.read_records(path)), ID, **options
    )["id"].tolist(),
    "parse_single_example": lambda path, **options: [
        int(tfr.parse_single_example(data, ID, **options)["id"]) for data in tfr.read_records(path)
    ],
    "decode_example": lambda path, **options: [
        int(tfr.decode_example(data, **options).get("id", [-1])[0])
        for data in tfr.read_records(path)
    ],
    "read_batches": lambda path, **options: all_of(tfr.read_batches(path, ID, **options)),
    "Dataset": lambda path, **options: all_of(tfr.Dataset(path, ID, batch_size=10, **options)),
    "Dataset by number": lambda path, **options: sorted(
        all_of(tfr.Dataset(path, ID, batch_size=10, shuffle=True, **options)), reverse=True
    ),
}


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("way", WAYS)
def test_sequence_examples_as_columns(path: Path, way: str, other: str, place: Any) -> None:
    data, reason = OTHERS[other]
    tfr.write_records(path, records_of(data, place))
    with pytest.raises(ExampleError) as caught:
        WAYS[way](path)
    assert reason in str(caught.value)
    if way in ("read_batches", "Dataset", "Dataset by number", "parse_example of blocks"):
        assert f"a.tfrecord: record {place[0]} at byte {place[0] * (len(GOOD) + 16)}: " in str(
            caught.value
        )


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("other", ["a SequenceExample", "an event", "a field of a later version"])
@pytest.mark.parametrize("way", WAYS)
def test_strict_false_reads_as_protobuf(path: Path, way: str, other: str, place: Any) -> None:
    tfr.write_records(path, records_of(OTHERS[other][0], place))
    expected = [7] * place[1]
    if other == "an event":
        expected[place[0]] = -1
    if way == "Dataset by number":
        expected.sort(reverse=True)
    assert WAYS[way](path, strict=False) == expected


def test_the_message_is_one(path: Path) -> None:
    tfr.write_records(path, records_of(SEQUENCE, (3, 5)))
    with pytest.raises(ExampleError) as caught:
        list(tfr.read_batches(path, ID))
    at = len(field(1, GOOD[2:]))
    assert str(caught.value) == (
        f"{path}: record 3 at byte {3 * (len(GOOD) + 16)}: byte {at}: unknown field 2 at top level "
        "(wire type 2), not an Example's; it looks like a SequenceExample: decode_sequence_example "
        "and parse_sequence_example read these, and features=SequenceFeatures(...) as columns"
    )


@pytest.mark.parametrize("other", OTHERS)
def test_inferring(path: Path, other: str) -> None:
    data, reason = OTHERS[other]
    tfr.write_records(path, records_of(data, (3, 10)))
    calls: list[Callable[[], Any]] = [
        lambda: tfr.infer_features(tfr.read_records(path)),
        lambda: tfr.read_batches(path),
        lambda: tfr.read_batches(path, ["id"]),
        lambda: tfr.Dataset(path, batch_size=2),
        lambda: tfr.parse_example(list(tfr.read_records(path))),
    ]
    for call in calls:
        with pytest.raises(ExampleError) as caught:
            call()
        assert reason in str(caught.value)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no list of open files")
@pytest.mark.parametrize("other", OTHERS)
def test_no_file_stays_open_when_inferring_fails(path: Path, other: str) -> None:
    data, _ = OTHERS[other]
    tfr.write_records(path, [*records_of(data, (3, 10)), *[b"x" * 10_000] * 500])
    gc.disable()
    try:
        with pytest.raises(ExampleError):
            tfr.infer_features(tfr.read_records(path))
        handles = [f"/proc/self/fd/{handle}" for handle in os.listdir("/proc/self/fd")]
        targets = [os.readlink(handle) for handle in handles if os.path.lexists(handle)]
        assert os.fspath(path) not in targets
    finally:
        gc.enable()


def test_inferring_not_strictly(path: Path) -> None:
    tfr.write_records(path, records_of(SEQUENCE, (3, 10)))
    assert tfr.infer_features(tfr.read_records(path), strict=False).keys() == {"id"}
    assert all_of(tfr.read_batches(path, strict=False)) == [7] * 10
    assert all_of(tfr.Dataset(path, batch_size=2, strict=False)) == [7] * 10


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("features", [None, ID, ["id"]], ids=["None", "mapping", "names"])
def test_verify(path: Path, features: Any, place: Any) -> None:
    # Beside the place, so that features can be inferred.
    tfr.write_records(path, [GOOD, *records_of(SEQUENCE, place)])
    report = tfr.verify(path, examples=True, features=features)
    found = [(fault.record, fault.kind) for fault in report.files[0].faults]
    assert found == [(place[0] + 1, "example")]
    assert "it looks like a SequenceExample" in report.files[0].faults[0].reason
    report = tfr.verify(path, examples=True, features=features, strict=False)
    assert "example" not in {fault.kind for fault in report.files[0].faults}


def test_compat_is_lenient() -> None:
    found = compat.io.parse_single_example(
        SEQUENCE, {"id": compat.io.FixedLenFeature([], np.int64)}
    )
    assert found["id"].numpy() == 7
    found = compat.io.parse_example(
        [SEQUENCE] * 300, {"id": compat.io.FixedLenFeature([], np.int64)}
    )
    assert found["id"].numpy().tolist() == [7] * 300


def jpegs() -> Iterator[bytes]:
    yield b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(40)


def test_what_is_no_message_at_all(path: Path) -> None:
    """No advice that would not help: these records have no features to be passed."""
    tfr.write_records(path, jpegs())
    for call in (lambda: tfr.read_batches(path), lambda: tfr.Dataset(path, batch_size=2)):
        with pytest.raises(ExampleError) as caught:
            call()
        assert "it looks like a JPEG image" in str(caught.value)
        assert "features=" not in str(caught.value)


@pytest.mark.parametrize("place", PLACES)
def test_a_name_that_reads_like_an_entry_makes_no_ranking_list(place: tuple[int, int]) -> None:
    """The value, of no kind, stands beside it; in larger blocks the record was read, alone not."""
    name = field(1, b"id") + field(2, b"")
    data = field(1, field(1, field(1, name) + field(2, b"")))
    assert tfr.decode_example(data) == {name.decode(): None}
    columns = tfr.parse_example(records_of(data, place), ID)
    assert columns["id"][place[0]] == -1
