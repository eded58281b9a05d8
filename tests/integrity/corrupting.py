"""Files damaged at random, and what must be found in them: judged byte by byte from outside.

Every byte of a damaged file knows which byte of the original it is, if any. So it is known which
frames have come through whole, wherever they lie now, and these must be read, each of them; nothing
may be read that is no original record; and what is read and what is reported must tile the file.

    python tests/integrity/corrupting.py --count 100000 --seed 1

does so many corruptions and says how many of each kind went well: some 500 a second on a core.
What a finding's seed did is done again by ``--seed SEED --count 1``. The tests do a few hundred.
"""

from __future__ import annotations

import argparse
import io
import itertools
import math
import os
import random
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from frames import frame

from tfrecord_lite import Damage, RecordReader, masked_crc32c, salvage, write_records
from tfrecord_lite.integrity.check import ByteRange, Checker
from tfrecord_lite.integrity.verify import _joined
from tfrecord_lite.records import ahead
from tfrecord_lite.thresholds import thresholds

# Name, and how to draw the sizes of a file's records.
SIZES = {
    "empty": lambda rng, count: [0] * count,
    "tiny": lambda rng, count: [rng.randrange(20) for _ in range(count)],
    "equal": lambda rng, count: [rng.choice([16, 48, 100, 496, 1000])] * count,
    "mixed": lambda rng, count: [rng.choice([0, 3, 100, 600, 5000]) for _ in range(count)],
    "spread": lambda rng, count: [int(2 ** rng.uniform(0, 13)) for _ in range(count)],
    "one_large": lambda rng, count: [rng.randrange(300) for _ in range(count)] + [40_000] + [9] * 9,
}
CONTENTS = {
    "random": random.Random.randbytes,
    "zeros": lambda rng, size: bytes(size),
    "small_integers": lambda rng, size: b"".join(
        struct.pack("<Q", rng.randrange(300)) for _ in range(size // 8 + 1)
    )[:size],
    "text": lambda rng, size: (b"%06d " % rng.randrange(10**6) * (size // 7 + 1))[:size],
}
CODECS = {
    "plain": None,
    "gzip_blocked": {"compression": "GZIP", "block_bytes": 4000},
    "gzip_single": {"compression": "GZIP", "block_bytes": None},
    "zlib": {"compression": "ZLIB"},
}
_CODECS_DRAWN = ["plain"] * 7 + ["gzip_blocked"] * 2 + ["gzip_single", "zlib"]


@dataclass
class Damaged:
    """A file's bytes, and which byte of the original each is; -1 for none."""

    data: np.ndarray
    origin: np.ndarray

    @classmethod
    def of(cls, data: bytes) -> Damaged:
        return cls(np.frombuffer(data, np.uint8).copy(), np.arange(len(data)))

    def set(self, begin: int, new: bytes) -> None:
        """Write over bytes; one that stays what it was is intact."""
        old = self.data[begin : begin + len(new)]
        values = np.frombuffer(new, np.uint8)[: len(old)]
        self.origin[begin : begin + len(old)][old != values] = -1
        old[:] = values

    def splice(self, begin: int, end: int, source_begin: int, source_end: int) -> None:
        """Put a range of the file itself in the place of another."""
        for name in ("data", "origin"):
            old = getattr(self, name)
            parts = old[:begin], old[source_begin:source_end], old[end:]
            setattr(self, name, np.concatenate(parts))

    def whole(self, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return where ranges of the original stand whole: the index of the range, and the place.

        The ranges begin at different bytes.
        """
        if not spans or not len(self.origin):
            return []
        begins, ends = np.array(spans).T
        range_at = np.full(int(max(ends.max(), self.origin.max() + 1)) + 1, -1)
        range_at[begins] = np.arange(len(begins))
        # The last entry is that of -1, a byte of no origin.
        places = np.flatnonzero(range_at[self.origin] >= 0)
        ranges = range_at[self.origin[places]]
        breaks = np.append(np.flatnonzero(np.diff(self.origin) != 1) + 1, len(self.origin))
        room = breaks[np.searchsorted(breaks, places, "right")] - places
        fits = room >= (ends - begins)[ranges]
        return list(zip(ranges[fits].tolist(), places[fits].tolist(), strict=True))


def _flip_bit(rng: random.Random, file: Damaged) -> None:
    at = rng.randrange(len(file.data))
    file.set(at, bytes([file.data[at] ^ 1 << rng.randrange(8)]))


def _change_bytes(rng: random.Random, file: Damaged) -> None:
    at = rng.randrange(len(file.data))
    file.set(at, rng.randbytes(rng.choice([1, 1, 2, 5])))


def _swap(rng: random.Random, file: Damaged) -> None:
    at = rng.randrange(len(file.data))
    file.set(at, file.data[at : at + 2].tobytes()[::-1])


def _block(rng: random.Random, file: Damaged, size: int) -> None:
    at = rng.randrange(len(file.data))
    if rng.random() < 0.5:
        at -= at % size
    file.set(at, rng.choice([bytes(size), b"\xff" * size, rng.randbytes(size)]))


def _range(rng: random.Random, file: Damaged) -> tuple[int, int]:
    begin = rng.randrange(len(file.data))
    size = rng.choice([1, 7, 100, 512, 4096, rng.randrange(1, len(file.data) + 1)])
    return begin, min(begin + size, len(file.data))


def _cut_out(rng: random.Random, file: Damaged) -> None:
    begin, end = _range(rng, file)
    file.splice(begin, end, 0, 0)


def _cut_off(rng: random.Random, file: Damaged) -> None:
    file.splice(rng.randrange(len(file.data)), len(file.data), 0, 0)


def _cut_front(rng: random.Random, file: Damaged) -> None:
    file.splice(0, min(rng.randrange(1, 5000), len(file.data)), 0, 0)


def _duplicate(rng: random.Random, file: Damaged) -> None:
    begin, end = _range(rng, file)
    at = end if rng.random() < 0.5 else rng.randrange(len(file.data))
    file.splice(at, at, begin, end)


def _copy_over(rng: random.Random, file: Damaged) -> None:
    begin, end = _range(rng, file)
    at = rng.randrange(len(file.data))
    file.splice(at, min(at + end - begin, len(file.data)), begin, end)


CORRUPTIONS = {
    "bit": _flip_bit,
    "bytes": _change_bytes,
    "swap": _swap,
    "block_512": lambda rng, file: _block(rng, file, 512),
    "block_4096": lambda rng, file: _block(rng, file, 4096),
    "cut_out": _cut_out,
    "cut_off": _cut_off,
    "cut_front": _cut_front,
    "duplicate": _duplicate,
    "copy_over": _copy_over,
}


@dataclass
class Original:
    """A file that is whole."""

    records: list[bytes]
    codec: str
    data: bytes
    # Where each record's frame, or each gzip member's bytes, begin and end; and the records there.
    parts: list[tuple[int, int, list[bytes]]] = field(default_factory=list)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where the parts begin and end."""
        return [part[:2] for part in self.parts]


def make_original(rng: random.Random, codec: str) -> Original:
    sizes = SIZES[rng.choice(list(SIZES))](rng, rng.choice([1, 5, 40, 40, 200]))
    content = CONTENTS[rng.choice(list(CONTENTS))]
    records = [content(rng, size) for size in sizes]
    options = CODECS[codec]
    if options is None:
        data = b"".join(map(frame, records))
        bounds = list(itertools.accumulate((16 + len(record) for record in records), initial=0))
        parts = [
            (begin, end, [record])
            for (begin, end), record in zip(itertools.pairwise(bounds), records, strict=True)
        ]
        return Original(records, codec, data, parts)
    file = io.BytesIO()
    write_records(file, records, **options)
    original = Original(records, codec, file.getvalue())
    if codec == "gzip_blocked":
        begin = first = 0
        while begin < len(original.data):
            member = zlib.decompressobj(31)
            member.decompress(original.data[begin:])
            end = len(original.data) - len(member.unused_data)
            count = int.from_bytes(original.data[begin + 32 : begin + 40], "little")
            original.parts.append((begin, end, records[first : first + count]))
            begin, first = end, first + count
    return original


@dataclass
class Found:
    """What a reader made of a damaged file."""

    # Offset of the frame, and the record.
    records: list[tuple[int, bytes]]
    damage: list[Damage]


def compression_of(codec: str) -> dict[str, Any]:
    """Return the reader's argument."""
    return {"compression": (CODECS[codec] or {}).get("compression")}


def read(source: object, codec: str) -> Found:
    """Read a damaged file to its end."""
    found = Found([], [])
    with RecordReader(source, on_damage=found.damage.append, **compression_of(codec)) as reader:
        for block in reader.blocks():
            found.records += ((block.offset(index), block[index]) for index in range(len(block)))
    return found


def excused(data: bytes, at: int) -> bool:
    """Tell whether a frame at ``at`` may be the content of a damaged record just as well.

    That is a record with an intact length, around it, whose end is where a header or the end of the
    file is; or whose data begins with a frame that stays inside it.
    """
    # The upper half of any length is 0 here.
    begin = at - 11
    while (begin := data.rfind(bytes(4), 0, max(begin + 7, 0)) - 4) >= 0:
        head = data[begin : begin + 12]
        if _is_header(head):
            end = begin + 16 + int.from_bytes(head[:8], "little")
            behind = data[end : end + 12]
            if end >= at + 16 and (
                end == len(data)
                or (len(behind) == 12 and _is_header(behind))
                or (
                    _is_header(inner := data[begin + 12 : begin + 24])
                    and begin + 28 + int.from_bytes(inner[:8], "little") <= end - 4
                )
            ):
                return True
    return False


def _arose(record: bytes) -> bool:
    """Tell whether a record may have arisen of two headers that came to stand together.

    Eight bytes of data and their CRC are what a header is: nobody can tell.
    """
    return len(record) == 8 and record.endswith(b"\0" * 4)


def _is_header(head: bytes) -> bool:
    return len(head) == 12 and masked_crc32c(head[:8]) == int.from_bytes(head[8:], "little")


def judge(original: Original, damaged: Damaged, found: Found) -> int:
    """Assert that all is right; return how many records were lost where nobody can tell."""
    known = set(original.records)
    assert all(record in known or _arose(record) for _, record in found.records), (
        "a record that never was"
    )
    regions = [(damage.begin, damage.end) for damage in found.damage]
    places = [(at, at + 16 + len(record)) for at, record in found.records]
    tiles = sorted(regions + places)
    assert all(first[1] == second[0] for first, second in itertools.pairwise(tiles)), "gaps"
    assert not tiles or tiles[0][0] == 0, "the front is missing"
    numbers = [damage.record for damage in found.damage]
    assert numbers == sorted(numbers)
    data = damaged.data.tobytes()
    if original.codec == "plain":
        assert (tiles[-1][1] if tiles else 0) == len(data), "the end is missing"
        # By accident two whole frames may overlap; a whole one that was read hides what is in it.
        read = np.zeros(len(data), bool)
        for begin, end in places:
            read[begin:end] = True
        missing = [at for _, at in damaged.whole(original.spans) if not read[at]]
        assert all(excused(data, at) for at in missing), f"lost at {missing}"
        return len(missing)
    got = Counter(record for _, record in found.records)
    wanted: Counter[bytes] = Counter()
    for index, _ in damaged.whole(original.spans):
        wanted.update(original.parts[index][2])
    return sum((wanted - got).values())


def corrupt(rng: random.Random, file: Damaged) -> list[str]:
    """Damage a file in one to four ways; return their names."""
    names = rng.choices(list(CORRUPTIONS), k=rng.choice([1, 1, 2, 3, 4]))
    for name in names:
        if len(file.data):
            CORRUPTIONS[name](rng, file)
    return names


class Pipe:
    """Bytes that come in pieces and cannot be read again."""

    def __init__(self, data: bytes, size: int) -> None:
        self._file = io.BytesIO(data)
        self._size = size

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, self._size))


def check_ways(path: str, codec: str, found: Found, rng: random.Random) -> None:
    """Assert that `salvage`, and `verify` in parts, make of a file what a reader makes of it."""
    target = path + ".salvaged"
    report = salvage(path, target, write_compression=None, overwrite=True, **compression_of(codec))
    assert report.files[0].damage == found.damage
    assert report.files[0].raw_bytes == sum(16 + len(record) for _, record in found.records)
    rescued = read(target, "plain")
    assert rescued.damage == []
    assert [record for _, record in rescued.records] == [record for _, record in found.records]
    size = os.path.getsize(path)
    if codec != "plain" or not size:
        return
    cuts = sorted(rng.randrange(size) for _ in range(rng.randrange(1, 4)))
    parts = [ByteRange(path, *bounds) for bounds in itertools.pairwise([0, *cuts, size])]
    joined = _joined([(part, Checker()(part)) for part in parts])
    if joined is None:
        # To be read as a whole, as it must be where anything is wrong. Where a record with frames
        # in it lies across a cut it must be as well.
        return
    assert not found.damage, "damage that the parts do not show"
    assert (joined.records, joined.raw_bytes) == (len(found.records), size)


def run_one(
    seed: int, folder: str, codec: str | None = None, each: int = 1
) -> tuple[str, list[str], int]:
    """Do one corruption; return codec, kinds of damage, and how many records were excused.

    ``each`` seeds in a row have the same original.
    """
    original = _original_of(seed // each, codec)
    codec = original.codec
    rng = random.Random(seed)
    damaged = Damaged.of(original.data)
    names = corrupt(rng, damaged)
    data = damaged.data.tobytes()
    how = rng.randrange(3)
    if how == 0:
        path = os.path.join(folder, "damaged")
        Path(path).write_bytes(data)
        # Small as they are, members are inflated ahead; the other ways do without.
        with (
            mock.patch.multiple(thresholds, ahead_member_bytes=1),
            mock.patch.multiple(ahead, usable_cores=lambda: 2),
        ):
            found = read(path, codec)
        check_ways(path, codec, found, rng)
    elif how == 1:
        found = read(io.BytesIO(data), codec)
    else:
        found = read(Pipe(data, rng.choice([1000, 1 << 16])), codec)
    lost = judge(original, damaged, found)
    if codec == "gzip_blocked" and how < 2:
        assert not lost or "copy_over" in names, f"{lost} records of whole members lost"
    return codec, names, lost


@lru_cache(maxsize=1)
def _original_of(number: int, codec: str | None) -> Original:
    rng = random.Random(f"original {number}")
    return make_original(rng, codec or rng.choice(_CODECS_DRAWN))


def main() -> None:
    """Do many, and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0, help="of the first corruption")
    parser.add_argument("--codec", choices=CODECS)
    parser.add_argument("--each", type=int, default=20, help="corruptions of the same file")
    options = parser.parse_args()
    done: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    failures = count = 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seed, options.seed + options.count):
            if time.perf_counter() - began > options.seconds:
                break
            count += 1
            try:
                codec, names, excuses = run_one(seed, folder, options.codec, options.each)
            except Exception as error:
                failures += 1
                print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
                continue
            done[codec] += 1
            done.update(set(names))
            lost[codec] += excuses
            if not count % 10_000:
                print(f"{count} corruptions so far, {failures} failures", flush=True)
    seconds = time.perf_counter() - began
    print(f"{count} corruptions, {failures} failures, {seconds:.0f} s")
    for name, number in sorted(done.items()):
        more = f", {lost[name]} records that nothing tells from content" if name in lost else ""
        print(f"  {name}: {number}{more}")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
