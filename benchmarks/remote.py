"""Objects by URL: over a link with delay, from a server of S3, and records by their numbers.

The link is that of an HTTP server of the tests' own, in a process of its own: 30 ms go by before
each answer, and a connection has 100 MB/s. S3 is s3rver, from npm (``$S3RVER``, or on the path;
without it that part is left out): the same objects are downloaded by each way there is here, and
read with all checksums checked. Memory is what is held at most above reading the same file locally
in the same process, once the client's library is loaded.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import (
    Worker,
    compare_prepared,
    conditions,
    describe,
    parse_options,
    peak_memory,
    save,
)

import tfrecord_lite as tfr
from tfrecord_lite.files.index import RecordIndex
from tfrecord_lite.files.record_file import RecordFile

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from harness import Comparison

DELAY = 0.03
RATE = 100e6
# How many times as long one GET takes at least.
LINK_RATE = 2
# How many times as long the best download from the server of S3 takes at least.
S3_RATE = 0.8
MEMORY_LIMIT = 64 << 20
REQUESTS_LIMIT = 1.2
FEWER = 20
PICKED = 10_000
OBJECTS = 4
PIECE = 1 << 20


def write(path: str, total: int, mean: int) -> None:
    """Write seeded random records of about so many bytes until these are that many."""
    rng = random.Random(0)
    pool = rng.randbytes(16 << 20)
    with tfr.RecordWriter(path) as writer:
        while writer.raw_bytes < total:
            begin = rng.randrange(len(pool) - 2 * mean)
            writer.write(pool[begin : begin + rng.randrange(mean // 2, mean * 3 // 2)])


def serve(connection: Any, paths: dict[str, str], delay: float, rate: float) -> None:
    """Serve files as objects, and tell how many requests came since it was asked last."""
    from object_server import serving

    with serving() as server:
        server.objects = {name: Path(path).read_bytes() for name, path in paths.items()}
        server.delay, server.rate = delay, rate
        connection.send(server.url)
        while connection.recv():
            count = len(server.requests)
            # Before the answer: what is asked for after it counts for the next.
            server.requests.clear()
            connection.send(count)


@contextmanager
def served(
    paths: dict[str, str], delay: float = 0, rate: float = 0
) -> Iterator[tuple[str, Callable[[], int]]]:
    """Serve files in another process; yield the URL and what counts the requests."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, paths, delay, rate), daemon=True)
    process.start()
    url = ours.recv()

    def requests() -> int:
        ours.send(True)
        return int(ours.recv())

    try:
        yield url, requests
    finally:
        ours.send(False)
        process.join()


def read_all(urls: list[str]) -> Callable[[], object]:
    """Prepare reading all records of objects, one after the other, every checksum checked."""

    def read() -> None:
        for url in urls:
            with tfr.RecordReader(url) as reader:
                for block in reader.blocks():
                    reader.recycle(block)

    return read


def read_at_once(urls: list[str]) -> Callable[[], object]:
    """Prepare reading all records of objects, each in a thread of its own."""

    def read() -> None:
        with ThreadPoolExecutor(len(urls)) as pool:
            list(pool.map(lambda url: read_all([url])(), urls))

    return read


def get_plainly(urls: list[str]) -> Callable[[], object]:
    """Prepare getting objects, each by one request of the standard library."""

    def get() -> None:
        for url in urls:
            with urllib.request.urlopen(url) as answer:
                while answer.read(PIECE):
                    pass

    return get


def stream(store: Any, key: str) -> None:
    """Get an object by obstore, as it comes."""
    for _ in store.get(key).stream(min_chunk_size=PIECE):
        pass


def get_by_obstore(root: str, keys: list[str], at_once: int) -> Callable[[], object]:
    """Prepare getting objects by obstore, some at once."""
    from obstore.store import from_url

    store = from_url(root)

    def get() -> None:
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(partial(stream, store), keys))

    return get


def get_by_s3fs(urls: list[str]) -> Callable[[], object]:
    """Prepare getting objects whole, by s3fs."""
    import fsspec

    system = fsspec.filesystem("s3")

    def get() -> None:
        for url in urls:
            system.cat_file(url)

    return get


def memory_above(path: str, url: str, small: str) -> int:
    """Return how many more bytes of memory reading an object takes than reading the file."""
    read_all([small])()
    read_all([path])()
    local = peak_memory()
    read_all([url])()
    return peak_memory() - local


def link(path: str, small: str, options: Namespace) -> tuple[Comparison, list[list[str]]]:
    """Compare reading over a link with delay with one plain GET."""
    with served({"/a": path, "/small": small}, DELAY, RATE) as (url, _):
        compared = compare_prepared(
            f"{DELAY * 1e3:.0f} ms, {RATE / 1e6:.0f} MB/s a connection",
            {
                "RecordReader": partial(read_all, [f"{url}/a"]),
                "one GET, urllib": partial(get_plainly, [f"{url}/a"]),
            },
            unit="MB",
            units=os.path.getsize(path) // 1_000_000,
            repeats=options.repeats,
            targets={"one GET, urllib": LINK_RATE},
            about={"bytes": os.path.getsize(path)},
        )
        counts = []
        for library in ("obstore", "fsspec"):
            os.environ["TFRECORD_LITE_STORE"] = library
            with Worker() as worker:
                above = worker.run(memory_above, path, f"{url}/a", f"{url}/small")
            counts.append(
                [
                    f"memory above local reading, {library}",
                    f"{above / 2**20:.0f} MiB",
                    f"at most {MEMORY_LIMIT >> 20} MiB",
                ]
            )
        del os.environ["TFRECORD_LITE_STORE"]
    return compared, counts


def by_number(path: str, options: Namespace) -> list[list[str]]:
    """Count the requests for records of one object, scattered and next to each other."""
    index = RecordIndex.build(path).save()
    count = PICKED // 100 if options.quick else PICKED
    with served({"/a": path, "/a.index": index}) as (url, requests), RecordFile(f"{url}/a") as file:
        total = len(file)
        rng = random.Random(1)
        requests()
        assert len(file[rng.sample(range(total), count)]) == count
        scattered = requests()
        begin = rng.randrange(total - count)
        assert len(file[begin : begin + count]) == count
        neighbours = requests()
        for number in (alone := rng.sample(range(total), count // 10)):
            file[number]
        single = requests()
    what = f"requests a record, {count:,} of {total:,}"
    return [
        [f"{what}, random, one call", f"{scattered / count:.3f}", f"at most {REQUESTS_LIMIT}"],
        [f"{what}, neighbours, one call", f"{neighbours / count:.4f}", ""],
        ["how many times fewer for neighbours", f"{scattered / neighbours:.0f}", f"{FEWER}"],
        [f"requests a record, {len(alone):,}, one call each", f"{single / len(alone):.3f}", ""],
    ]


def from_s3(program: str, folder: str, total: int, options: Namespace) -> list[Comparison]:
    """Compare reading objects from a server of S3 with downloading them: in turn, and at once."""
    from s3_server import BUCKET, serving_s3

    with serving_s3(program, Path(folder)) as environment:
        os.environ.update(environment)
        keys = [f"{number}.tfrecord" for number in range(OBJECTS)]
        urls = [f"s3://{BUCKET}/{key}" for key in keys]
        for url in urls:
            write(url, total // OBJECTS, 30_000)
        plain = [f"{environment['AWS_ENDPOINT_URL']}/{BUCKET}/{key}" for key in keys]
        ways: dict[str, Any] = {
            "RecordReader": partial(read_all, urls),
            "one GET each, urllib": partial(get_plainly, plain),
            "one GET each, obstore": partial(get_by_obstore, f"s3://{BUCKET}", keys, 1),
        }
        try:
            import s3fs  # noqa: F401 - whether it is there
        except ImportError:
            pass
        else:
            ways["cat_file each, s3fs"] = partial(get_by_s3fs, urls)
        at_once = {
            "RecordReader, a thread each": partial(read_at_once, urls),
            "one GET each, obstore": partial(get_by_obstore, f"s3://{BUCKET}", keys, OBJECTS),
        }
        return [
            compare_prepared(
                f"{OBJECTS} objects of s3rver, {total / 1e9:.2g} GB, {how}",
                contenders,
                unit="MB",
                units=total // 1_000_000,
                repeats=options.repeats,
                targets=dict.fromkeys([*contenders][1:], S3_RATE),
                about={"bytes": total, "objects": OBJECTS},
            )
            for how, contenders in (("in turn", ways), ("at once", at_once))
        ]


def main() -> None:
    """Write the files, serve and measure, and delete them."""
    from s3_server import find_s3rver

    options = parse_options(__doc__, repeats=5)
    with tempfile.TemporaryDirectory() as folder, Worker() as worker:
        path, small, large = (os.path.join(folder, name) for name in ("a", "small", "large"))
        write(small, 10_000, 1000)
        write(path, 10_000_000 if options.quick else 300_000_000, 30_000)
        compared, counts = worker.run(link, path, small, options)
        comparisons = [compared]
        write(large, 10_000_000 if options.quick else 1_000_000_000, 3000)
        counts += worker.run(by_number, large, options)
        program = find_s3rver()
        if program:
            total = 20_000_000 if options.quick else 400_000_000
            comparisons.extend(worker.run(from_s3, program, folder, total, options))
    where = conditions(["numpy", "crc32c", "obstore", "fsspec", "aiohttp", "s3fs"])
    rows = [row[:5] for comparison in comparisons for row in comparison.rows()]
    columns = ["task", "contender", "median", "times the first's (least to most)", "target"]
    tables = ([columns, ["---"] * 5, *rows], [["what", "found", "wanted"], ["---"] * 3, *counts])
    lines = ["\n".join(f"| {' | '.join(row)} |" for row in table) for table in tables]
    measured = {
        "conditions": where,
        "tasks": [comparison.to_json() for comparison in comparisons],
        "counts": counts,
    }
    save("remote", "\n\n".join([*lines, describe(where)]), measured, options.results)


if __name__ == "__main__":
    main()
