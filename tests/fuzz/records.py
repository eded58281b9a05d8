"""Fuzzed: files, plain and compressed, and what lies beside them: indexes and manifests."""

from __future__ import annotations

import atexit
import io
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
from frames import crc32c, frames
from fuzz.choices import Choices
from fuzz.files import Chopped, changed, compressed, crafted, inflated, walk

from tfrecord_lite.errors import Damage, TFRecordError
from tfrecord_lite.files.fingerprint import Fingerprint
from tfrecord_lite.files.index import RecordIndex, StaleIndexError
from tfrecord_lite.files.manifest import Manifest, find_manifest
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.files.sidecar import write_sidecar
from tfrecord_lite.records import RecordReader, ahead, inflate, write_records
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.thresholds import thresholds

MOST = 1 << 20  # max_record_bytes


def framing(data: bytes) -> str:
    """A file is read alike in every way, and every byte of it is accounted for."""
    choices = Choices(data)
    most = choices.choice((MOST, 100, 10_000))
    sizes = choices.take(4)
    block_bytes = 1 + choices.getrandbits(12)
    file = crafted(choices) if choices.randrange(4) else choices.rest()
    return check_file(file, None, most, sizes, block_bytes)


def check_file(file: bytes, compression: Any, most: int, sizes: bytes, block_bytes: int) -> str:
    expected = walk(file, most)
    for source in (io.BytesIO(file), Chopped(file, sizes)):
        with RecordReader(source, compression=compression, max_record_bytes=most) as reader:
            found, kind = drain(reader)
            assert (found, kind) == (expected.records, expected.kind)
            assert reader.offset == expected.end
    check_account(file, most, sizes, block_bytes)
    return expected.kind or "records"


def drain(reader: RecordReader) -> tuple[list[bytes], str | None]:
    """Read all records that there are; return them and how it ended."""
    records: list[bytes] = []
    try:
        for record in reader:
            records.append(record)
    except TFRecordError as error:
        assert reader.path in str(error)
        return records, error.kind
    return records, None


def check_account(file: bytes, most: int, sizes: bytes, block_bytes: int) -> None:
    """With on_damage every byte is in a record that is intact, or in a region that was reported.

    However a stream is cut up, and however large the blocks are, the records are the same. In a
    file of a known size more can be found, so that is compared with itself.
    """
    path = put("damaged.tfrecord", file)
    for way, other in (
        ((io.BytesIO(file), 1 << 20), (Chopped(file, sizes), block_bytes)),
        ((path, 1 << 20), (path, block_bytes)),
    ):
        records, regions = accounted(file, most, *way)
        again, others = accounted(file, most, *other)
        assert again == records
        assert [region[1:5] for region in others] == [region[1:5] for region in regions]


def accounted(
    file: bytes, most: int, source: Any, block_bytes: int
) -> tuple[list[bytes], list[Damage]]:
    """Read past all damage; return the records and the damaged regions, which are the whole."""
    regions: list[Damage] = []
    records: list[bytes] = []
    parts = []
    with RecordReader(
        source, compression=None, max_record_bytes=most, on_damage=regions.append
    ) as reader:
        reader.block_bytes = block_bytes
        for block in reader.blocks():
            for index, record in enumerate(block):
                begin = block.offset(index)
                end = begin + len(record) + 16
                assert walk(file[begin:end], most).records == [record]
                parts.append((begin, end))
                records.append(record)
    parts += [(region.begin, region.end) for region in regions]
    at = 0
    for begin, end in sorted(parts):
        assert begin == at, "a gap or an overlap"
        assert end > begin
        at = end
    assert at == len(file)
    return records, regions


def compression(data: bytes) -> str:
    """A compressed file gives what zlib finds in it, with zlib, with isal, and ahead."""
    choices = Choices(data)
    sizes = choices.take(4)
    content = crafted(choices)
    file, wbits = compressed(content, choices)
    file = changed(file, choices)
    codec: Any = {15: "ZLIB", 31: "GZIP"}[wbits]
    raw, ending = inflated(file, wbits)
    expected = walk(raw, MOST)
    kind = expected.kind
    if kind in (None, "truncated"):
        kind = ending or kind
    kinds = {kind}
    if kind == "compression":
        # isal looks at a trailer when all of it is there: one that is wrong and cut is cut for it.
        kinds.add("truncated")
    path = put("compressed", file)
    for engine in (None, inflate.isal()):
        with (
            mock.patch.object(inflate, "isal", lambda engine=engine: engine),
            mock.patch.multiple(thresholds, ahead_member_bytes=1),
            mock.patch.multiple(ahead, usable_cores=lambda: 2),
        ):
            for source in (io.BytesIO(file), Chopped(file, sizes), path):
                with RecordReader(source, compression=codec, max_record_bytes=MOST) as reader:
                    found, how = drain(reader)
                    assert (found, how in kinds) == (expected.records, True), (engine, how)
    return f"{codec} {kind}"


@cache
def folder() -> str:
    """Return a folder for files, which goes when the process ends."""
    shared = "/dev/shm"
    path = tempfile.mkdtemp(dir=shared if os.path.isdir(shared) else None)
    atexit.register(shutil.rmtree, path)
    return path


def put(name: str, data: bytes) -> str:
    """Write a file; return its path."""
    path = os.path.join(folder(), name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def build(data: bytes) -> str:
    """An index is built of a file that a reader reads, and gives its records, one by one."""
    choices = Choices(data)
    content = crafted(choices) if choices.randrange(4) else choices.rest()
    if choices.randrange(2):
        file, _ = compressed(content, choices)
        content = changed(file, choices)
    path = put("built.tfrecord", content)
    with RecordReader(path) as reader:
        expected, kind = drain(reader)
    try:
        index = RecordIndex.build(path)
    except TFRecordError as error:
        return f"{error.kind}: {type(error).__name__}"
    assert kind in (None, "data", "too_large", "compression", "truncated", "length")
    return read_by_index(path, index, expected, kind)


def read_by_index(path: str, index: RecordIndex, expected: list[bytes], kind: str | None) -> str:
    """Read all records that an index tells of; return how it went."""
    try:
        with RecordFile(path, index=index) as file:
            singles = []
            for number in range(len(file)):
                try:
                    singles.append(file[number])
                except TFRecordError as error:
                    singles.append(error.kind)
            try:
                assert file[:] == singles
            except TFRecordError as error:
                assert error.kind in singles
            assert singles[: len(expected)] == expected or kind is not None
            if kind is None:
                assert singles == expected
    except StaleIndexError:
        return "stale"
    records = {record for record in singles if isinstance(record, bytes)}
    with open(path, "rb") as file:
        content = file.read()
    if index.members is None:
        assert all(frames([record]) in content for record in records)
    return f"index, {kind}"


@cache
def indexed(codec: str | None) -> tuple[str, list[bytes], Fingerprint]:
    """Return a file to index, its records, and what tells it from others."""
    records = [bytes([65 + number]) * number for number in range(30)]
    path = os.path.join(folder(), f"indexed-{codec}.tfrecord")
    write_records(path, records, compression=codec, block_bytes=200)
    os.utime(path, ns=(10**18, 10**18))
    with PositionedFile(path) as file:
        return path, records, Fingerprint.of(file)


def sidecar(data: bytes) -> str:
    """Whatever stands in an index, a record that it leads to is one of the file's."""
    choices = Choices(data)
    path, records, fingerprint = indexed(choices.choice((None, "GZIP")))
    form = choices.randrange(5)
    if form == 0:
        content = choices.rest()
    elif form in (1, 4):
        whole = os.path.join(folder(), "whole.index")
        lengths = [len(record) for record in records]
        with few_rows_in_a_block(choices):
            if form == 1:
                RecordIndex.build(path).save(whole)
            else:
                for _ in range(choices.randrange(4)):
                    lengths[choices.randrange(30)] += choices.randrange(200) - 100
                column = np.array([length % (1 << 64) for length in lengths], np.uint64)
                write_sidecar(whole, fingerprint, [column])
            with open(whole, "rb") as file:
                content = file.read() if form == 4 else changed(file.read(), choices)
            return led_by(content, path, records)
    else:
        count = choices.choice((1, 3, choices.getrandbits(8)))
        widths = bytes(choices.choice((1, 2, 4, 8, 0, 3)) for _ in range(3))
        rows = choices.choice((30, 0, 1, choices.getrandbits(64), choices.getrandbits(8)))
        head = struct.pack("<8sBB3s3xQQQQ", b"\x89TFRIDX\n", 1, count, widths, *fingerprint, rows)
        content = head + choices.rest()
        if form == 2:
            size = sum(widths[:count]) * rows
            content = (content + bytes(min(size, 4000)))[: len(head) + min(size, 4000)]
        content += struct.pack("<I", crc32c(content))
    return led_by(content, path, records)


@contextmanager
def few_rows_in_a_block(choices: Choices) -> Iterator[None]:
    """Write, and read, indexes by blocks of few rows, or as they are."""
    before = thresholds.index_block_rows, thresholds.index_whole_rows
    few = choices.choice((before, (7, 0), (1, 0), (10, 100)))
    thresholds.index_block_rows, thresholds.index_whole_rows = few
    try:
        yield
    finally:
        thresholds.index_block_rows, thresholds.index_whole_rows = before


def led_by(content: bytes, path: str, records: list[bytes]) -> str:
    """Follow the index in a sidecar."""
    try:
        index = RecordIndex.load(path, put("fuzzed.index", content))
    except StaleIndexError as error:
        return error.reason
    return lead(path, index, records)


def lead(path: str, index: RecordIndex, records: list[bytes]) -> str:
    """Follow an index that may be of another file: to records, or an error."""
    assert len(index) >= 0
    results = set()
    with RecordFile(path, index=index) as file:
        for number in [*range(min(len(file), 40)), len(file) - 1] if len(file) else []:
            try:
                assert file[number] in records
                results.add("record")
            except TFRecordError as error:
                results.add(type(error).__name__)
        try:
            assert set(file[:40]) <= set(records)
        except TFRecordError as error:
            results.add(type(error).__name__)
    return "index: " + " ".join(sorted(results))


def text_index(data: bytes) -> str:
    """As `sidecar`, of the text form."""
    choices = Choices(data)
    path, records, _ = indexed(None)
    form = choices.randrange(3)
    content = choices.rest()
    if form:
        text = os.path.join(folder(), "whole.idx")
        RecordIndex.build(path).to_text(text)
        with open(text, "rb") as file:
            lines = file.read().splitlines(keepends=True)
        choices = Choices(content)
        for _ in range(choices.randrange(4)):
            row = choices.randrange(len(lines))
            lines[row] = choices.choice((b"", lines[row] * 2, changed(lines[row], choices)))
        content = b"".join(lines)
    try:
        index = RecordIndex.from_text(path, put("fuzzed.idx", content))
    except StaleIndexError as error:
        return error.reason
    return lead(path, index, records)


def manifest(data: bytes) -> str:
    """Any bytes in the place of a manifest are one, or a `TFRecordError`."""
    path = put("fuzzed.manifest.json", data)
    try:
        found = Manifest.load(path)
    except TFRecordError as error:
        return error.reason
    assert all(os.path.dirname(file) == folder() for file in found.files)
    again = Manifest.load(put("again.manifest.json", found.to_json().encode()))
    assert again.entries == found.entries
    assert (again.compression, again.records) == (found.compression, found.records)
    os.unlink(again.path)
    try:
        found.check()
    except (TFRecordError, FileNotFoundError):
        pass
    try:
        find_manifest(found.files or [os.path.join(folder(), "a")])
    except (TFRecordError, FileNotFoundError) as error:
        return type(error).__name__
    return "manifest"
