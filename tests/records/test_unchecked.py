"""Files whose checksums are left out, or others than TensorFlow's: named by errors, and read."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zlib

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite import (
    RecordFile,
    RecordIndex,
    RecordReader,
    RecordSet,
    StaleIndexError,
    read_records,
)
from tfrecord_lite.errors import CorruptRecordError, TruncatedRecordError
from tfrecord_lite.records.checksum import crc32c, mask_crc
from tfrecord_lite.records.deflate import make_encoder

EXAMPLES = [tfr.encode_example({"label": label, "text": b"x" * label}) for label in range(300)]
FEATURES = {"label": tfr.FixedLenFeature([], np.int64)}
CHECKSUMS = {
    "is zero": lambda _: 0,
    "is not masked": crc32c,
    "is a CRC-32": zlib.crc32,
    "is a CRC-32, masked": lambda data: mask_crc(zlib.crc32(data)),
}


def frames(records, checksum, of_lengths=None):
    out = bytearray()
    for record in records:
        length = struct.pack("<Q", len(record))
        out += length + struct.pack("<I", (of_lengths or checksum)(length))
        out += record + struct.pack("<I", checksum(record))
    return bytes(out)


@pytest.fixture(params=CHECKSUMS)
def kind(request):
    return request.param


@pytest.fixture(params=["plain", "gzip"])
def path(request, kind, tmp_path):
    data = frames(EXAMPLES, CHECKSUMS[kind])
    (tmp_path / "a").write_bytes(gzip.compress(data) if request.param == "gzip" else data)
    return tmp_path / "a"


def test_the_error_says_what_they_are(path, kind):
    told = rf"checksum of the length .*; the one in the file {kind.split(',')[0]}, .*verify='none'"
    for verify in (True, False):
        with pytest.raises(CorruptRecordError, match=told):
            list(read_records(path, verify=verify))


def by_number(path):
    with RecordFile(path) as file:
        return file[3]


def test_so_it_does_of_data(tmp_path, kind):
    right = lambda data: mask_crc(crc32c(data))  # noqa: E731
    data = frames(EXAMPLES, CHECKSUMS[kind], right)
    (tmp_path / "a").write_bytes(data)
    told = rf"checksum of the data .*; the one in the file {kind.split(',')[0]}, .*verify='none'"
    for read in (
        lambda: list(read_records(tmp_path / "a")),
        lambda: by_number(tmp_path / "a"),
        lambda: RecordSet(tmp_path / "a").read_block([3, 1]),
    ):
        with pytest.raises(CorruptRecordError, match=told):
            read()
    assert list(read_records(tmp_path / "a", verify=False)) == EXAMPLES


def test_they_are_read(path):
    with RecordReader(path, verify="none") as reader:
        assert list(reader) == EXAMPLES
    assert list(read_records(path, verify="none")) == EXAMPLES
    records = RecordSet(path, verify="none")
    assert [record for block in records.blocks() for record in block] == EXAMPLES
    assert [record for split in records.splits(3) for record in split] == EXAMPLES
    batches = list(tfr.read_batches(path, FEATURES, batch_size=64, verify="none"))
    assert np.concatenate([batch["label"] for batch in batches]).tolist() == list(range(300))
    for workers in (0, 1):
        with tfr.Dataset(path, batch_size=64, verify="none", workers=workers) as dataset:
            labels = np.concatenate([batch["label"] for batch in dataset])
        assert labels.tolist() == list(range(300))


def test_by_number(tmp_path, kind):
    (tmp_path / "a").write_bytes(frames(EXAMPLES, CHECKSUMS[kind]))
    with RecordFile(tmp_path / "a", verify="none") as file:
        again = pickle.loads(pickle.dumps(file))
        for each in (file, again):
            assert (each[7], each[[299, 0]]) == (EXAMPLES[7], [EXAMPLES[299], EXAMPLES[0]])
            assert list(each.read_block(range(300))) == list(each) == EXAMPLES
        again.close()
    with RecordSet(tmp_path / "a", verify="none") as records:
        assert records[[5, 250, 6]] == [EXAMPLES[5], EXAMPLES[250], EXAMPLES[6]]
    with pytest.raises(CorruptRecordError, match="verify='none'"):
        RecordIndex.build(tmp_path / "a")
    assert len(RecordIndex.build(tmp_path / "a", verify="none")) == 300
    with tfr.Dataset(tmp_path / "a", batch_size=300, shuffle=True, verify="none") as dataset:
        (batch,) = dataset
    assert sorted(batch["label"].tolist()) == list(range(300))


def test_blocked_gzip_by_number(tmp_path):
    """The bytes of a member have a checksum of their own, that of gzip."""
    with tfr.RecordWriter(tmp_path / "a", compression="GZIP", block_bytes=500) as writer:
        writer.write_many(EXAMPLES)
    for verify in (True, False, "none"):
        with RecordFile(tmp_path / "a", verify=verify) as file:
            assert file[[5, 250, 6]] == [EXAMPLES[5], EXAMPLES[250], EXAMPLES[6]]


def test_what_is_no_frame_is_an_error_all_the_same(tmp_path):
    data = frames(EXAMPLES, lambda _: 0)
    with pytest.raises(TruncatedRecordError):
        list(read_records(io.BytesIO(data[:-1]), verify="none"))
    with pytest.raises(tfr.RecordTooLargeError):
        list(read_records(io.BytesIO(b"\xff" * 100), verify="none"))
    # Changed since it was indexed, so that a header states another length.
    path = tmp_path / "a"
    path.write_bytes(data)
    status = os.stat(path)
    with RecordFile(path, verify="none") as file:
        changed = bytearray(data)
        changed[len(EXAMPLES[0]) + 16] ^= 1
        path.write_bytes(changed)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert file[0] == EXAMPLES[0]
        for read in (lambda: file[1], lambda: file.read_block([0, 1]), lambda: list(file)):
            with pytest.raises((CorruptRecordError, StaleIndexError)):
                read()


def of_reader(path, verify):
    with RecordReader(path, verify=verify) as reader:
        return list(reader)


def one_of(file):
    with file:
        return file[99]


def two_of(file):
    with file:
        return file[[98, 99]]


READINGS = {
    "records": lambda path, verify: list(read_records(path, verify=verify)),
    "reader": of_reader,
    "set": lambda path, verify: one_of(RecordSet(path, verify=verify)),
    "number": lambda path, verify: one_of(RecordFile(path, verify=verify)),
    "numbers": lambda path, verify: two_of(RecordFile(path, verify=verify)),
    "splits": lambda path, verify: [*map(list, RecordSet(path, verify=verify).splits(2))],
    "index": lambda path, verify: RecordIndex.build(path, verify=verify),
}


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_what_is_equal_to_true_is_true(tmp_path, reading, compression):
    # So large that plain files are read with no block between.
    records = [bytes([number]) * 50_000 for number in range(100)]
    data = bytearray(frames(records, lambda data: mask_crc(crc32c(data))))
    data[-100] ^= 1
    if compression is not None:
        encoder = make_encoder("GZIP", None, 1 << 20)
        data = bytes(encoder.encode(bytes(data), len(records))) + encoder.finish()
    (tmp_path / "a").write_bytes(data)
    for verify in (True, 1, 1.0, np.True_):
        with pytest.raises(CorruptRecordError, match="at byte 4951584: checksum of the data"):
            READINGS[reading](tmp_path / "a", verify)
    for verify in (False, 0, np.False_):
        READINGS[reading](tmp_path / "a", verify)


@pytest.mark.parametrize("verify", ["all", None, 2])
def test_what_is_no_verify(tmp_path, verify):
    tfr.write_records(tmp_path / "a", [b"x"])
    readings = RecordReader, RecordFile, RecordSet, read_records, tfr.read_batches
    for read in (*readings, RecordIndex.build):
        with pytest.raises(ValueError, match="pass True, False, or 'none'"):
            read(tmp_path / "a", verify=verify)
