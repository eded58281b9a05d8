"""Against TensorFlow, in both directions."""

from __future__ import annotations

import gzip
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from frames import FILES, THREE, frame, frames
from variants import first

from tfrecord_lite import (
    RecordReader,
    RecordWriter,
    TFRecordError,
    TruncatedRecordError,
    read_records,
    write_records,
)

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


def by_dataset(tf, path: Path, compression: str) -> list[bytes]:
    dataset = tf.data.TFRecordDataset(str(path), compression)
    return list(dataset.as_numpy_iterator())


def by_iterator(tf, path: Path, compression: str) -> list[bytes]:
    iterate = tf.compat.v1.io.tf_record_iterator
    options = tf.io.TFRecordOptions(compression_type=compression)
    return list(iterate(str(path), options))


def random_records(seed: int, count: int, largest: int) -> list[bytes]:
    rng = random.Random(seed)
    sizes = [0, 1, 2, 3, 4, largest, *(int(largest ** rng.random()) for _ in range(count - 6))]
    return [rng.randbytes(size) for size in sizes]


def test_a_thousand_records_are_byte_identical(tf, tmp_path: Path) -> None:
    records = random_records(1, 1000, 1 << 20)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    write_records(ours, records)
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        for record in records:
            writer.write(record)
    assert ours.read_bytes() == theirs.read_bytes()
    assert list(read_records(theirs)) == records


@pytest.mark.parametrize("read", [by_dataset, by_iterator])
@pytest.mark.parametrize("block_bytes", [1, 5000, 1 << 20, None])
@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_tensorflow_reads_ours(tf, read, block_bytes, compression, tmp_path: Path) -> None:
    path = tmp_path / "ours"
    records = random_records(2, 300, 1 << 14)
    with RecordWriter(path, compression=compression, block_bytes=block_bytes) as writer:
        for index, record in enumerate(records):
            writer.write(record)
            if index % 100 == 50:
                writer.flush()
    assert read(tf, path, compression) == records
    write_records(path, [], compression=compression, block_bytes=block_bytes)
    assert read(tf, path, compression) == []


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
@pytest.mark.parametrize("name", ["no_record", "three", "only_empty_records", "two_hundred"])
def test_we_read_tensorflows(tf, name: str, compression: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in FILES[name]:
            writer.write(record)
    with RecordReader(path) as reader:
        assert list(reader) == FILES[name]
        size = path.stat().st_size
        assert reader.compression == (compression or None if size else None)


def test_one_zlib_stream_is_byte_identical(tf, tmp_path: Path) -> None:
    records = random_records(3, 200, 1 << 16)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    write_records(ours, records, compression="ZLIB")
    with tf.io.TFRecordWriter(str(theirs), "ZLIB") as writer:
        for record in records:
            writer.write(record)
    assert zlib.decompress(ours.read_bytes()) == zlib.decompress(theirs.read_bytes())


def test_append_and_salvaged_tail_are_read_by_tensorflow(tf, tmp_path: Path) -> None:
    path = tmp_path / "a"
    for compression in ("", "GZIP"):
        write_records(path, THREE, compression=compression)
        path.write_bytes(path.read_bytes()[:-3])
        write_records(path, THREE, compression=compression, mode="a", on_truncated="trim")
        kept = 2 if not compression else 3
        assert by_dataset(tf, path, compression) == THREE[:kept] + THREE
        path.unlink()


# Where the two differ on damaged files, we refuse: TensorFlow's outcome for each, as measured.


def outcome(read, *arguments) -> tuple[list[bytes], str]:
    got: list[bytes] = []
    try:
        for record in read(*arguments):
            got.append(record)
    except TFRecordError as error:
        return got, type(error).__name__
    except Exception as error:
        return got, type(error).__name__
    return got, "end"


def test_truncation_at_every_byte_beside_tensorflow(tf, tmp_path: Path) -> None:
    data, path = frames([b"foo", b"barbaz"]), tmp_path / "cut"
    for end in range(len(data) + 1):
        path.write_bytes(data[:end])
        iterate = tf.compat.v1.io.tf_record_iterator
        theirs, how = outcome(iterate, str(path))
        ours, kind = outcome(read_records, path)
        assert ours == theirs
        torn_header = end in range(1, 12) or end in range(20, 31)
        if torn_header:
            assert (how, kind) == ("end", "TruncatedRecordError")
        else:
            assert {"end": "end", "DataLossError": "TruncatedRecordError"}[how] == kind


def test_every_bit_flip_beside_tensorflow(tf, tmp_path: Path) -> None:
    data, path = frames([b"foo", b"x"]), tmp_path / "flipped"
    for bit in range(0, len(data) * 8, 3):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        theirs, how = outcome(tf.compat.v1.io.tf_record_iterator, str(path))
        ours, kind = outcome(read_records, path)
        assert (ours, kind) == (theirs, "CorruptRecordError")
        assert how == "DataLossError"


@pytest.mark.parametrize("order", first(1, ["tensorflow last", "tensorflow first"]))
def test_imported_in_either_order(order, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    imports = ["import tensorflow", "from tfrecord_lite.example.messages import Example"]
    if order == "tensorflow last":
        imports.reverse()
    program = f"""
import sys
{imports[0]}
assert ("tensorflow" in sys.modules) == {order == "tensorflow first"}
{imports[1]}
import tensorflow as tf
import tfrecord_lite as tfr
one = tfr.Feature(int64_list=tfr.Int64List(value=[1]))
ours = Example(features=tfr.Features(feature={{"a": one}}))
data = ours.SerializeToString()
theirs = tf.train.Example.FromString(data)
assert theirs.features.feature["a"].int64_list.value == [1]
assert theirs.SerializeToString() == data
assert type(theirs) is not type(ours)
assert theirs.DESCRIPTOR.full_name == "tensorflow.Example"
path = sys.argv[1]
tfr.write_records(path, [theirs.SerializeToString()])
assert list(tf.data.TFRecordDataset(path).as_numpy_iterator()) == [data]
"""
    subprocess.run([sys.executable, "-c", program, tmp_path / "a"], check=True, capture_output=True)


def test_what_tensorflow_loses_is_refused_or_read(tf, tmp_path: Path) -> None:
    path, plain = tmp_path / "a", frames(THREE)
    path.write_bytes(gzip.compress(b"") + gzip.compress(plain))
    assert by_dataset(tf, path, "GZIP") == []
    assert list(read_records(path)) == THREE
    path.write_bytes(zlib.compress(plain) * 2)
    assert by_dataset(tf, path, "ZLIB") == THREE
    with pytest.raises(TFRecordError, match="after the end of the zlib stream"):
        list(read_records(path))
    path.write_bytes(gzip.compress(plain)[:-8])
    assert by_dataset(tf, path, "GZIP") == THREE
    with pytest.raises(TruncatedRecordError):
        list(read_records(path))
    path.write_bytes(frame(b"foo") + struct.pack("<Q", 7))
    assert by_dataset(tf, path, "") == [b"foo"]
    with pytest.raises(TruncatedRecordError):
        list(read_records(path))
