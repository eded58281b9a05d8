"""Dataset with ``on_damage``: which records there are does not depend on how they are read."""

from __future__ import annotations

import os
import random
from contextlib import closing
from itertools import chain, pairwise
from pathlib import Path

import pytest
from frames import frame

import tfrecord_lite as tfr

ID = {"id": int}


class Stop(Exception):
    """What `on_damage` raises here."""


def example(number: int, size: int, rng: random.Random) -> bytes:
    return tfr.encode_example({"id": number, "pad": rng.randbytes(size)})


def flip(path: Path, rng: random.Random, times: int, begin: int = 0) -> None:
    """Flip bits of a file that nobody notices by its size or its time."""
    known = path.stat()
    data = bytearray(path.read_bytes())
    for _ in range(times):
        data[rng.randrange(begin, len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))


def make(path: Path, first: int, rng: random.Random) -> int:
    """Write a file in which something may be wrong, and return how many records went into it."""
    sizes = rng.choice([[0, 5, 30], [40], [0, 20, 300, 1500]])
    records = [
        example(first + number, rng.choice(sizes), rng) for number in range(rng.choice([1, 5, 30]))
    ]
    blocked, lost = rng.random() < 0.6, rng.random() < 0.3
    if blocked:
        block_bytes = rng.choice([1, 100, 1000, 5000])
        tfr.write_records(path, records, compression="GZIP", block_bytes=block_bytes)
    else:
        frames = [*map(frame, records)]
        data = b"".join(frames)
        if lost and len(frames) > 2:
            # As many bytes, out of one record, as some that follow it have.
            which = rng.randrange(len(frames) - 2)
            begin = sum(map(len, frames[:which])) + rng.randrange(13, len(frames[which]))
            moved = frames[which + 1 : which + 1 + rng.randrange(1, len(frames) - which)]
            data = data[:begin] + data[begin + sum(map(len, moved)) :]
        path.write_bytes(data)
    if rng.random() < 0.5:
        tfr.RecordIndex.build(path).save()
    if blocked or not lost:
        # The headers of members are another matter: without one there are no numbers.
        flip(path, rng, rng.choice([0, 1, 1, 3]), 44 if blocked else 0)
    return len(records)


class Reading:
    """The same files, read one way or another."""

    def __init__(self, paths: list[Path], batch_size: int) -> None:
        self.paths = paths
        self.batch_size = batch_size

    def dataset(self, on_damage, **options) -> tfr.Dataset:
        return tfr.Dataset(
            self.paths, ID, batch_size=self.batch_size, on_damage=on_damage, **options
        )

    def read(self, **options) -> tuple[list[int], list[tfr.Damage]]:
        told: list[tfr.Damage] = []
        with self.dataset(told.append, **options) as dataset:
            return ids(dataset), told

    def resumed_after(self, batches: int, **options) -> list[int]:
        dataset = self.dataset(tfr.errors.ignore_damage, **options)
        with closing(iter(dataset)) as iterator:
            found = ids(next(iterator) for _ in range(batches))
        again = self.dataset(tfr.errors.ignore_damage, **options)
        again.load_state_dict(dataset.state_dict())
        return found + ids(again)

    def stopped_at_damage(self, **options) -> tuple[list[int], list[tfr.Damage]]:
        told: list[tfr.Damage] = []

        def stop(damage: tfr.Damage) -> None:
            told.append(damage)
            raise Stop

        found: list[int] = []
        batches = iter(self.dataset(stop, **options))
        while True:
            try:
                found += next(batches)["id"].tolist()
            except Stop:
                continue
            except StopIteration:
                return found, told


def ids(batches) -> list[int]:
    return [number for batch in batches for number in batch["id"].tolist()]


def lie_apart(damages: list[tfr.Damage]) -> bool:
    """Whether no two regions of a file overlap, and none is there twice."""
    known = sorted(damages)
    return all(
        one != other and (one.path != other.path or one.end <= other.begin)
        for one, other in pairwise(known)
    )


@pytest.fixture(params=range(24))
def reading(request, tmp_path) -> Reading:
    rng = random.Random(request.param)
    paths, first = [], 0
    for number in range(rng.choice([1, 1, 2])):
        paths.append(tmp_path / f"{number}")
        first += make(paths[-1], first, rng)
    return Reading(paths, rng.choice([1, 2, 7, 100]))


def test_every_way_gives_the_same_records_and_regions(reading):
    """Fault 2: by number, a damaged gzip member went whole; from the front, what was hit in it."""
    told: list[tfr.Damage] = []
    left = ids(tfr.read_batches(reading.paths, ID, on_damage=told.append))
    found, damages = reading.read()
    assert lie_apart(damages)
    assert found == [number for number in left if number in set(found)]
    if found == left:
        assert [damage[:5] for damage in damages] == [damage[:5] for damage in told]
    else:
        # Of several records that have moved into one, the first has a number.
        assert any("have no number" in damage.reason for damage in damages)
    for options in ({"check": False}, {"map": lambda batch: batch}):
        assert reading.read(**options) == (found, damages)
    assert reading.read(shuffle=3) == reading.read(shuffle=3, check=False)
    for shuffle in (3, True):
        try:
            shuffled, others = reading.read(shuffle=shuffle)
        except tfr.TFRecordError as error:
            assert shuffle is True, error
            assert "or shuffle=N" in error.reason
        else:
            assert (sorted(shuffled), sorted(others)) == (sorted(found), sorted(damages))
    for ranks in (2, 3):
        parts = [reading.read(rank=rank, world_size=ranks) for rank in range(ranks)]
        assert [*chain.from_iterable(part for part, _ in parts)] == found
        told_by_ranks = [*chain.from_iterable(others for _, others in parts)]
        # Where there are no shares, as nothing has a number, each rank tells.
        shared = [*dict.fromkeys(told_by_ranks)] if not found else told_by_ranks
        assert shared == damages


@pytest.mark.parametrize("options", [{}, {"shuffle": 3}], ids=["in order", "buffer"])
def test_no_way_back_gives_other_records(reading, options):
    """Fault 2: a state, and an exception, had the rest read by number."""
    found, damages = reading.read(**options)
    assert reading.stopped_at_damage(**options) == (found, damages)
    for batches in range(1, -(-len(found) // reading.batch_size)):
        assert reading.resumed_after(batches, **options) == found


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(tmp_path, workers):
    """Fault 2: 100 records, one bit of one gzip member; with workers 17 intact ones were lost."""
    rng = random.Random(3)
    path = tmp_path / "a"
    records = [example(number, 300, rng) for number in range(100)]
    tfr.write_records(path, records, compression="GZIP", block_bytes=6000)
    members = tfr.RecordIndex.build(path).members
    data = bytearray(path.read_bytes())
    data[int(members.offsets[2:4].sum()) // 2] ^= 16
    path.write_bytes(data)
    reading = Reading([path], 7)
    found, damages = reading.read()
    assert len(found) == 99
    assert reading.read(workers=workers) == (found, damages)


def test_a_record_that_moved_into_another_is_found(tmp_path):
    """Fault 2b: bytes are lost, and the length of the record hit ends where another ends."""
    rng = random.Random(0)
    frames = [frame(example(number, size, rng)) for number, size in enumerate((900, 40, 40, 40))]
    path = tmp_path / "a"
    path.write_bytes((b"".join(frames))[:50] + (b"".join(frames))[50 + len(frames[1]) :])
    told: list[tfr.Damage] = []
    assert ids(tfr.read_batches(path, ID, on_damage=told.append)) == [1, 2, 3]
    for options in ({}, {"shuffle": 2}, {"shuffle": True}, {"check": False}):
        found, damages = Reading([path], 2).read(**options)
        assert (sorted(found), damages) == ([1, 2, 3], told)
