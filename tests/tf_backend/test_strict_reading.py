"""Both engines refuse what is not an Example, where TensorFlow's parser reads past feature lists.

The case sequence_examples_as_columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset.test_strict_reading import GOOD, ID, SEQUENCE, records_of

import tfrecord_lite as tfr
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.thresholds import thresholds

tf = pytest.importorskip("tensorflow")
from tfrecord_lite.tensorflow import make_dataset  # noqa: E402 - where there is one

pytestmark = pytest.mark.tensorflow

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "blocked": {"compression": "GZIP"},
}
LARGE = tfr.encode_example({"id": 7, "image": bytes(300)})


def ids(data: Any) -> list[int]:
    return [number for batch in data for number in batch["id"].numpy().tolist()]


@pytest.mark.parametrize("place", [(0, 1), (40, 64), (699, 700)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", ["small", "large"])
def test_tensorflows_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, size: str, place: Any
) -> None:
    records = records_of(SEQUENCE, place)
    if size == "large":
        monkeypatch.setattr(thresholds, "skipped_record_bytes", 1)
        records = [LARGE if record == GOOD else record for record in records]
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, records, **KINDS[kind])
    with pytest.raises(ExampleError, match="looks like a SequenceExample") as caught:
        make_dataset(path, ID, batch_size=10)
    offset = sum(len(record) + 16 for record in records[: place[0]])
    assert f"a.tfrecord: record {place[0]} at byte {offset}: " in str(caught.value)
    assert ids(make_dataset(path, ID, batch_size=10, strict=False)) == [7] * place[1]


@pytest.mark.parametrize("place", [0, 40, 99])
@pytest.mark.parametrize("size", ["small", "large"])
def test_damage_at_the_front_of_a_record_is_told_as_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: str, place: int
) -> None:
    """The length of an Example's only message is in its first bytes."""
    if size == "large":
        monkeypatch.setattr(thresholds, "skipped_record_bytes", 1)
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, [LARGE] * 100)
    offset = place * (16 + len(LARGE))
    data = bytearray(path.read_bytes())
    data[offset + 13] ^= 1
    path.write_bytes(data)
    with pytest.raises(tfr.CorruptRecordError) as caught:
        make_dataset(path, ID, batch_size=10)
    where = f"a.tfrecord: record {place} at byte {offset}"
    assert f"{where}: checksum of the data is " in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_numpy_engine(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, records_of(SEQUENCE, (40, 64)), **KINDS[kind])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"record 40 .*a SequenceExample"):
        ids(make_dataset(path, ID, batch_size=10, engine="numpy"))
    data = make_dataset(path, ID, batch_size=10, engine="numpy", strict=False)
    assert ids(data) == [7] * 64


@pytest.mark.parametrize("size", [0, 1, 120, 130, 16_380, 2_100_000])
def test_plain_and_odd_examples_are_taken(tmp_path: Path, size: int) -> None:
    """Every size of the length before the features, and Examples in two pieces."""
    records = [
        tfr.encode_example({"id": 7, "image": bytes(size)}),
        GOOD + GOOD,
        b"",
        b"\n\x00",
        b"\n\x00" + GOOD,
        # A length with a leading zero.
        b"\n" + bytes([len(GOOD) - 2 | 0x80, 0]) + GOOD[2:],
    ]
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, records)
    default = {"id": tfr.FixedLenFeature([], np.int64, -1)}
    expected = [7, 7, -1, -1, 7, 7]
    assert ids(make_dataset(path, default, batch_size=10)) == expected
    assert ids(make_dataset(path, default, batch_size=10, engine="numpy")) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_replaced_by_sequence_examples(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tfrecord"
    # Of one length, so that its records lie where they did.
    examples = (tfr.encode_example({"id": 7, "pad": bytes(size)}) for size in range(100))
    record = next(example for example in examples if len(example) == len(SEQUENCE))
    tfr.write_records(path, [record] * 3, **KINDS[kind])
    data = make_dataset(path, ID, batch_size=3)
    assert ids(data) == [7] * 3
    tfr.write_records(path, [SEQUENCE] * 3, **KINDS[kind])
    with pytest.raises(tf.errors.InvalidArgumentError, match="looks like a SequenceExample"):
        ids(data)
