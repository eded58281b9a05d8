"""How an epoch is cut: whole batches, and no more at once than blocks are large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset.sets import ID, RECORDS, flat, order_of

import tfrecord_lite as tfr
from tfrecord_lite.dataset.epoch_records import EpochRecords
from tfrecord_lite.dataset.plan import Plan
from tfrecord_lite.dataset.settings import Settings
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.thresholds import limits, thresholds


def rows(path: Path, batch_size: int, **options) -> list[int]:
    """Return how many records each piece of an epoch has."""
    records = EpochRecords(RecordSet(path))
    records.build_indexes(needed=True)
    plan = Plan(records, Settings(batch_size=batch_size, **options), parallel=True)
    return [len(run.numbers) for run in plan.chunks(0, 0)]


@pytest.mark.parametrize("shuffle", [False, True])
def test_pieces_are_whole_batches_of_about_a_block(tmp_path: Path, monkeypatch, shuffle) -> None:
    tfr.write_records(tmp_path / "a", [bytes(84)] * 100)
    # Four batches at least, and a block: here 1000 bytes, ten records of 100 bytes.
    monkeypatch.setattr(limits, "small_block_bytes", (1000, 1000))
    monkeypatch.setattr(thresholds, "picked_rows_per_file", 0)
    assert rows(tmp_path / "a", 1, shuffle=shuffle) == [10] * 10
    assert rows(tmp_path / "a", 3, shuffle=shuffle) == [9] * 11 + [1]
    assert rows(tmp_path / "a", 30, shuffle=shuffle) == [30, 30, 30, 10]
    # A batch that is too large to be read at once.
    monkeypatch.setattr(thresholds, "picked_batch_bytes", 700)
    assert rows(tmp_path / "a", 30, shuffle=shuffle) == [7] * 14 + [2]


def test_of_many_files_more_and_more_is_read_at_once(tmp_path: Path, monkeypatch) -> None:
    """A batch, so that it comes soon; then so much that coming to each file pays."""
    for number in range(10):
        tfr.write_records(tmp_path / f"{number}", [bytes(84)] * 1000)
    monkeypatch.setattr(limits, "small_block_bytes", (1000, 1000))
    monkeypatch.setattr(thresholds, "picked_rows_per_file", 300)
    assert rows(tmp_path, 4, shuffle=True) == [4, 64, 3000, 3000, 3000, 932]
    assert rows(tmp_path, 4, shuffle=False) == [8] * 1250
    monkeypatch.setattr(thresholds, "picked_scattered_bytes", 200_000)
    assert rows(tmp_path, 4, shuffle=True)[:4] == [4, 64, 2000, 2000]


@pytest.mark.parametrize("per_file", [0, 1, 5, 1000])
def test_the_order_does_not_depend_on_what_is_read_at_once(sets, small, monkeypatch, per_file):
    monkeypatch.setattr(thresholds, "picked_rows_per_file", per_file)
    with tfr.Dataset(sets["plain"], ID, batch_size=3, shuffle=True) as dataset:
        for done in (0, 1, 7):
            dataset.load_state_dict({**dataset.state_dict(), "epoch": 2, "position": 3 * done})
            assert flat(dataset) == order_of(len(RECORDS), True, epoch=2)[3 * done :]


def test_reading_ends_with_the_share(tmp_path: Path, monkeypatch) -> None:
    """A block after a share that ends with a block is not looked at: it may be damaged."""
    monkeypatch.setattr(limits, "read_block_bytes", 1500)
    monkeypatch.setattr(limits, "small_block_bytes", (1500, 1500))
    records = [tfr.encode_example({"a": number}) for number in range(100)]
    assert {len(record) + 16 for record in records} == {30}
    with tfr.ShardWriter(tmp_path / "a", num_shards=1) as writer:
        writer.write_many(records)
    (path,) = tfr.expand_shards(tmp_path / "a")
    features = {"a": tfr.FixedLenFeature([], np.int64)}
    data = Path(path).read_bytes()
    for damaged, whole in ((50, True), (49, False)):
        changed = bytearray(data)
        changed[30 * damaged + 15] ^= 1
        Path(path).write_bytes(changed)
        with tfr.Dataset(path, features, batch_size=5, rank=0, world_size=2) as dataset:
            batches = iter(dataset)
            for begin in range(0, 50 if whole else 45, 5):
                assert next(batches)["a"].tolist() == list(range(begin, begin + 5))
            with pytest.raises(StopIteration if whole else tfr.CorruptRecordError):
                next(batches)
