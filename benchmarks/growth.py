"""How time grows with what there is: files, shards, members, records, batches, features, keys.

Each series doubles one number and leaves all else as it is. What costs in proportion doubles too;
what is quadratic takes four times as long. A ratio is of medians, and of small times it is noise.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from harness import conditions, describe, parse_options, save

import tfrecord_lite as tfr

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[], object]

_DOUBLINGS = 4


class Series(NamedTuple):
    """What is done with ever more of something: ``prepare(folder, count)`` returns the run."""

    what: str
    of: str
    first: int
    prepare: Callable[[str, int], Run]


def shards_of(folder: str, count: int) -> list[str]:
    """Write a set of ``count`` shards of one record each; return their paths."""
    with tfr.ShardWriter(os.path.join(folder, "set"), num_shards=count) as writer:
        writer.write_many(tfr.encode_example({"x": [i]}) for i in range(count))
    return tfr.expand_shards(os.path.join(folder, "set"))


def verify_list(folder: str, count: int) -> Run:
    """Verify a list of all shards of a set."""
    files = shards_of(folder, count)
    return lambda: tfr.verify(files, workers=1)


def expand_globs(folder: str, count: int) -> Run:
    """Expand as many globs as there are shards, each of which matches one."""
    files = [file.replace("-of-", "-*-") for file in shards_of(folder, count)]
    return lambda: tfr.expand_shards(files)


def open_files(folder: str, count: int) -> Run:
    """Make a Dataset of many files, and read them in their order, or by their numbers."""
    features = {"x": tfr.FixedLenFeature([], np.int64)}
    files = shards_of(folder, count)

    def run() -> None:
        for shuffle in (False, True):
            list(tfr.Dataset(files, features, batch_size=1000, shuffle=shuffle))

    return run


def read_members(folder: str, count: int) -> Run:
    """Read a file of many gzip members by its index, and from its front."""
    path = os.path.join(folder, "a")
    records = [b"%d" % i for i in range(2 * count)]
    tfr.write_records(path, records, compression="GZIP", block_bytes=40)

    def run() -> None:
        with tfr.RecordFile(path) as file:
            file.read_block(range(len(file)))
        list(tfr.read_records(path))

    return run


def read_records(folder: str, count: int) -> Run:
    """Read the records of one file."""
    path = os.path.join(folder, "a")
    tfr.write_records(path, (b"%d" % i for i in range(count)))
    return lambda: list(tfr.read_records(path))


def read_batches(folder: str, count: int) -> Run:
    """Read batches of ten records."""
    path = os.path.join(folder, "a")
    tfr.write_examples(path, {"x": np.arange(10 * count)})
    features = {"x": tfr.FixedLenFeature([], np.int64)}
    return lambda: list(tfr.read_batches(path, features, batch_size=10))


def parse_features(_: str, count: int) -> Run:
    """Parse Examples of many features, whose keys come in another order in each."""
    names = [f"feature_{i}" for i in range(count)]
    order = random.Random(0)
    records = []
    for _ in range(50):
        order.shuffle(names)
        records.append(tfr.encode_example(dict.fromkeys(names, 1)))
    features = {name: tfr.FixedLenFeature([], np.int64) for name in names}
    return lambda: tfr.parse_example(records, features)


def parse_keys(_: str, count: int) -> Run:
    """Parse one feature of Examples that have many others."""
    record = tfr.encode_example({f"feature_{i}": 1 for i in range(count)})
    features = {"feature_0": tfr.FixedLenFeature([], np.int64)}
    return lambda: tfr.parse_example([record] * 50, features)


def parse_strings(_: str, count: int) -> Run:
    """Parse Examples with many short strings in a list."""
    record = tfr.encode_example({"words": [b"word"] * count})
    return lambda: tfr.parse_example([record] * 50, {"words": tfr.VarLenFeature(np.bytes_)})


def pass_damage(folder: str, count: int) -> Run:
    """Read past many damaged records."""
    path = Path(folder, "a")
    tfr.write_records(path, (b"%06d" % i for i in range(4 * count)))
    data = np.frombuffer(path.read_bytes(), np.uint8).reshape(4 * count, -1).copy()
    data[::4, 13] ^= 1
    path.write_bytes(data.tobytes())
    return lambda: list(tfr.read_records(path, on_damage=lambda _: None))


SERIES = [
    Series("`verify` of a list of all shards", "shards", 50, verify_list),
    Series("`expand_shards` of as many globs", "shards", 100, expand_globs),
    Series("`Dataset`, in order and shuffled", "files", 50, open_files),
    Series("`RecordFile` and `read_records` of blocked gzip", "members", 500, read_members),
    Series("`read_records`", "records", 50_000, read_records),
    Series("`read_records` past damage", "damaged records", 500, pass_damage),
    Series("`read_batches`", "batches", 1000, read_batches),
    Series("`parse_example`, keys in any order", "features", 50, parse_features),
    Series("`parse_example` of one feature", "keys", 50, parse_keys),
    Series("`parse_example`, a list of short strings", "strings", 500, parse_strings),
]


def measure(series: Series, count: int, repeats: int) -> float:
    """Return the median of the seconds that a run takes, after one that is thrown away.

    With 0 repeats, that is all there is.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = series.prepare(folder, count)
        times = []
        for repeat in range(repeats + 1):
            began = time.perf_counter()
            run()
            if repeat or not repeats:
                times.append(time.perf_counter() - began)
    return median(times)


def main() -> None:
    """Measure all series and print a table of them."""
    options = parse_options(__doc__, repeats=3)
    rows = [
        "| what | of | seconds, doubling | ratios |",
        "|---|---|---|---|",
    ]
    measured: list[dict[str, Any]] = []
    for series in SERIES:
        first, doublings = (4, 1) if options.quick else (series.first, _DOUBLINGS)
        counts = [first << doubling for doubling in range(doublings + 1)]
        seconds = [measure(series, count, options.repeats) for count in counts]
        ratios = [later / earlier for earlier, later in pairwise(seconds)]
        rows.append(
            f"| {series.what} | {counts[0]:,} to {counts[-1]:,} {series.of} "
            f"| {', '.join(f'{value:.3g}' for value in seconds)} "
            f"| {', '.join(f'{ratio:.1f}' for ratio in ratios)} |"
        )
        measured.append(
            {"what": series.what, "of": series.of, "counts": counts, "seconds": seconds}
        )
    where = conditions(["numpy"])
    text = "\n".join(["# Growth", "", describe(where), "", *rows])
    save("growth", text, {"conditions": where, "series": measured}, options.results)


if __name__ == "__main__":
    main()
