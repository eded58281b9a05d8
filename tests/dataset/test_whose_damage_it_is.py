"""Dataset: damage is told by the rank whose records it is among, once, with its kind."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from frames import frame, member

import tfrecord_lite as tfr

ID = {"id": tfr.FixedLenFeature([], np.int64)}
RECORDS = [tfr.encode_example({"id": number, "pad": b"x" * 50}) for number in range(60)]


def write(folder: Path, counts: list[int], **options) -> list[Path]:
    paths = []
    for number, (begin, end) in enumerate(pairwise(np.cumsum([0, *counts]).tolist())):
        paths.append(folder / f"{number}")
        tfr.write_records(paths[-1], RECORDS[begin:end], **options)
    return paths


def read(paths: list[Path], **options) -> tuple[list[int], list[tuple[str, int, str]]]:
    """Return the records' ids, and of each damage its file, record and kind."""
    told: list[tfr.Damage] = []
    options = {"batch_size": 4, "on_damage": told.append, "check": False, **options}
    with tfr.Dataset(paths, ID, **options) as dataset:
        ids = [number for batch in dataset for number in batch["id"].tolist()]
    return ids, [(Path(damage.path).name, damage.record, damage.kind) for damage in told]


def test_bytes_behind_the_last_record_of_a_share_are_its_own(tmp_path: Path) -> None:
    """Two files of 30 records, two ranks: what is after the first file is no matter of rank 1."""
    paths = write(tmp_path, [30, 30])
    with paths[0].open("ab") as file:
        file.write(b"\0" * 16 + b"garbage")
    first = read(paths, rank=0, world_size=2)
    second = read(paths, rank=1, world_size=2)
    assert first[0] == list(range(30))
    assert second[0] == list(range(30, 60))
    assert [(name, record) for name, record, _ in first[1]] == [("0", 30)]
    assert second[1] == []


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_damaged_length_in_a_member_is_told_as_such(tmp_path: Path, shuffle: bool) -> None:
    """Row 18: the record after it in its member is there, whichever way they are read."""
    paths = [tmp_path / "a"]
    raws = [b"".join(map(frame, RECORDS[begin : begin + 3])) for begin in range(0, 60, 3)]
    bad = bytearray(raws[4])
    bad[len(frame(RECORDS[12])) + 2] ^= 1
    raws[4] = bytes(bad)
    paths[0].write_bytes(b"".join(map(member, raws)))
    with tfr.RecordFile(paths[0]) as file, pytest.raises(tfr.CorruptRecordError) as caught:
        file[14]
    assert (caught.value.kind, caught.value.record) == ("length", 13)
    ids, told = read(paths, shuffle=shuffle)
    assert told == [("a", 13, "length")]
    assert sorted(ids) == [number for number in range(60) if number != 13]
