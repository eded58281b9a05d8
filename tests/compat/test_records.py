"""tf.io.TFRecordWriter, its options, and the readers of tf.compat.v1, without TensorFlow."""

from __future__ import annotations

import errno
import gc
import gzip
import io
import os
import random
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
from frames import frames

import tfrecord_lite as tfr
import tfrecord_lite.compat as tf

RECORDS = [b"", b"a", b"some bytes" * 50, bytes(range(256)) * 20]
CODECS = [None, "GZIP", "ZLIB"]
iterate = tf.compat.v1.io.tf_record_iterator


def inflate(data: bytes, codec: str | None) -> bytes:
    return {None: bytes, "GZIP": gzip.decompress, "ZLIB": zlib.decompress}[codec](data)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "data.tfrecord")


@pytest.mark.parametrize("codec", CODECS)
class TestWriter:
    def test_one_stream_of_frames(self, path, codec):
        with tf.io.TFRecordWriter(path, codec) as writer:
            for record in RECORDS:
                writer.write(record)
        with open(path, "rb") as file:
            data = file.read()
        assert inflate(data, codec) == frames(RECORDS)
        if codec == "GZIP":
            # TensorFlow's header: no time, no name, no extra field.
            assert data[:10] == bytes.fromhex("1f8b0800000000000003")
        assert list(iterate(path, codec)) == RECORDS

    def test_nothing_written(self, path, codec):
        tf.io.TFRecordWriter(path, codec).close()
        assert os.path.getsize(path) == {None: 0, "GZIP": 20, "ZLIB": 8}[codec]
        assert list(iterate(path, codec)) == []

    def test_flush_makes_visible(self, path, codec):
        with tf.io.TFRecordWriter(path, codec) as writer:
            for count, record in enumerate(RECORDS, 1):
                writer.write(record)
                writer.flush()
                with open(path, "rb") as file:
                    data = file.read()
                wbits = {"GZIP": 31, "ZLIB": 15}.get(codec)
                seen = zlib.decompressobj(wbits).decompress(data) if wbits else data
                assert seen == frames(RECORDS[:count])

    def test_in_place(self, path, codec):
        with open(path, "wb") as file:
            file.write(b"old")
        writer = tf.io.TFRecordWriter(path, codec)
        writer.flush()
        assert os.listdir(os.path.dirname(path)) == ["data.tfrecord"]
        with open(path, "rb") as file:
            assert file.read() != b"old"
        writer.close()

    def test_an_exception_keeps_what_was_written(self, path, codec):
        def work():
            with tf.io.TFRecordWriter(path, codec) as writer:
                writer.write(b"before")
                raise KeyError

        with pytest.raises(KeyError):
            work()
        assert list(iterate(path, codec)) == [b"before"]

    def test_closed(self, path, codec):
        writer = tf.io.TFRecordWriter(path, codec)
        writer.write(b"one")
        writer.close()
        writer.close()
        for call in (lambda: writer.write(b"two"), writer.flush):
            with pytest.raises(tf.errors.FailedPreconditionError, match="closed"):
                call()
            with pytest.raises(ValueError, match="closed"):
                call()
        with writer as same:
            assert same is writer
        assert list(iterate(path, codec)) == [b"one"]

    def test_forgotten_writer_is_closed(self, path, codec):
        writer = tf.io.TFRecordWriter(path, codec)
        writer.write(b"one")
        del writer
        gc.collect()
        assert list(iterate(path, codec)) == [b"one"]

    def test_forgotten_at_the_end_of_the_process(self, path, codec):
        script = (
            "import sys, tfrecord_lite.compat as tf\n"
            "writer = tf.io.TFRecordWriter(sys.argv[1], sys.argv[2])\n"
            "writer.write('last words')\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, path, codec or ""],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        assert list(iterate(path, codec)) == [b"last words"]

    def test_full_disk(self, codec):
        if not os.path.exists("/dev/full"):
            pytest.skip("needs /dev/full")
        writer = tf.io.TFRecordWriter("/dev/full", codec)
        writer.write(os.urandom(100))
        for call in (writer.flush, lambda: writer.write(b"x"), writer.close):
            with pytest.raises(tf.errors.ResourceExhaustedError) as caught:
                call()
            assert caught.value.errno == errno.ENOSPC
            assert isinstance(caught.value, OSError)
        writer.close()


@pytest.mark.parametrize(
    ("record", "stored"),
    [
        (b"bytes", b"bytes"),
        (bytearray(b"array"), b"array"),
        ("Grüße", "Grüße".encode()),
        (np.bytes_(b"numpy"), b"numpy"),
        (np.str_("numpy"), b"numpy"),
        (tf.constant("tensor"), b"tensor"),
    ],
)
def test_row_31_what_a_record_can_be(path, record, stored):
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(record)
    assert list(iterate(path)) == [stored]


@pytest.mark.parametrize(
    "record",
    [None, 1, memoryview(b"a"), np.array(b"x"), np.zeros(3), [b"a"], "\udc80", tf.constant([1])],
)
def test_row_31_what_a_record_cannot_be(path, record):
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(b"before")
        with pytest.raises(TypeError):
            writer.write(record)
        writer.write(b"after")
    assert list(iterate(path)) == [b"before", b"after"]


def test_paths(tmp_path):
    for name in (tmp_path / "a", str(tmp_path / "b"), os.fsencode(tmp_path / "c")):
        with tf.io.TFRecordWriter(name) as writer:
            writer.write(b"x")
        assert list(iterate(name)) == [b"x"]
    for opener in (tf.io.TFRecordWriter, iterate):
        with pytest.raises(tf.errors.FailedPreconditionError, match="directory"):
            opener(str(tmp_path))
        missing = str(tmp_path / "no" / "file")
        with pytest.raises(tf.errors.NotFoundError, match="No such file") as caught:
            opener(missing)
        assert caught.value.filename == missing
        assert isinstance(caught.value, FileNotFoundError)


COMPRESSION_TYPES = tf.compat.v1.python_io.TFRecordCompressionType


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (None, ""),
        ("", ""),
        (COMPRESSION_TYPES.NONE, ""),
        (COMPRESSION_TYPES.ZLIB, "ZLIB"),
        (COMPRESSION_TYPES.GZIP, "GZIP"),
        ("ZLIB", "ZLIB"),
        ("GZIP", "GZIP"),
        (tf.io.TFRecordOptions(), ""),
        (tf.io.TFRecordOptions("GZIP"), "GZIP"),
        (tf.io.TFRecordOptions(tf.io.TFRecordOptions(COMPRESSION_TYPES.ZLIB)), "ZLIB"),
    ],
)
def test_compression_types(path, options, name):
    assert tf.io.TFRecordOptions.get_compression_type_string(options) == name
    with tf.io.TFRecordWriter(path, options=options) as writer:
        writer.write(b"x")
    with tfr.RecordReader(path) as reader:
        assert reader.compression == (name or None)
    assert list(iterate(path, options)) == [b"x"]


@pytest.mark.parametrize("options", ["gzip", "zlib", "BZ2", "SNAPPY", "auto", 5, -1, b"GZIP"])
def test_unknown_compression_types(tmp_path, options):
    target = tmp_path / "never"
    for call in (
        tf.io.TFRecordOptions,
        tf.io.TFRecordOptions.get_compression_type_string,
        lambda one: tf.io.TFRecordWriter(str(target), one),
        lambda one: iterate(str(target), one),
    ):
        with pytest.raises(ValueError, match="compression_type"):
            call(options)
    assert not target.exists()


def written(path: str, records: list[bytes], *args: object, **fields: int) -> bytes:
    options = tf.io.TFRecordOptions(*args, **fields)
    with tf.io.TFRecordWriter(path, options) as writer:
        for record in records:
            writer.write(record)
    assert list(iterate(path, options)) == records
    with open(path, "rb") as file:
        return file.read()


class TestZlibFields:
    """Each field reaches zlib: the stream is the one that zlib makes with it."""

    TEXT = b"In sunshine and in shadow, had journeyed long, singing a song. " * 300
    RECORDS = (np.random.default_rng(3).integers(48, 58, 9000, np.uint8).tobytes(), TEXT, b"end")

    @pytest.mark.parametrize("codec", ["ZLIB", "GZIP"])
    @pytest.mark.parametrize(
        ("field", "value", "parameter"),
        [
            ("compression_level", 0, 0),
            ("compression_level", 1, 0),
            ("compression_level", 9, 0),
            ("window_bits", 9, 2),
            ("mem_level", 1, 3),
            ("compression_strategy", zlib.Z_HUFFMAN_ONLY, 4),
            ("compression_strategy", zlib.Z_FILTERED, 4),
            ("compression_strategy", zlib.Z_RLE, 4),
        ],
    )
    def test_deflate_parameters(self, path, codec, field, value, parameter):
        wrapper = 16 if codec == "GZIP" else 0
        if field == "window_bits":
            value += wrapper
        parameters = [-1, zlib.DEFLATED, 15 + wrapper, 9, zlib.Z_DEFAULT_STRATEGY]
        plain = zlib.compressobj(*parameters)
        parameters[parameter] = value
        expected = zlib.compressobj(*parameters)
        content = frames(self.RECORDS)
        data = written(path, list(self.RECORDS), codec, **{field: value})
        assert data == expected.compress(content) + expected.flush()
        assert data != plain.compress(content) + plain.flush()

    @pytest.mark.parametrize("field", ["input_buffer_size", "output_buffer_size"])
    def test_buffer_sizes_change_nothing(self, path, field):
        plain = written(path, list(self.RECORDS), "ZLIB")
        assert written(path, list(self.RECORDS), "ZLIB", **{field: 4096}) == plain

    def test_flush_mode_ends_a_block_with_each_full_buffer(self, path):
        data = written(
            path, list(self.RECORDS), "ZLIB", flush_mode=zlib.Z_FULL_FLUSH, input_buffer_size=4096
        )
        # A full flush leaves an empty stored block; between the pieces of three records there are
        # four of them: before and after both large ones.
        assert data.count(b"\x00\x00\xff\xff") == 4
        assert zlib.decompress(data) == frames(self.RECORDS)

    @pytest.mark.parametrize(
        ("codec", "fields"),
        [
            ("GZIP", {"window_bits": -15}),
            ("GZIP", {"window_bits": 15}),
            ("GZIP", {"window_bits": 24}),
            ("ZLIB", {"window_bits": -15}),
            ("ZLIB", {"window_bits": 31}),
            ("ZLIB", {"window_bits": 0}),
            ("ZLIB", {"compression_level": 10}),
            ("ZLIB", {"compression_level": -2}),
            ("ZLIB", {"mem_level": 0}),
            ("ZLIB", {"mem_level": 10}),
            ("ZLIB", {"compression_method": 7}),
            ("ZLIB", {"compression_strategy": 5}),
            ("ZLIB", {"flush_mode": zlib.Z_FINISH}),
            ("ZLIB", {"input_buffer_size": 0}),
            ("ZLIB", {"output_buffer_size": 1}),
        ],
    )
    def test_values_that_cannot_be_read_back_are_refused(self, tmp_path, codec, fields):
        target = tmp_path / "never"
        (name,) = fields
        with pytest.raises(ValueError, match=name):
            tf.io.TFRecordWriter(str(target), tf.io.TFRecordOptions(codec, **fields))
        assert not target.exists()

    @pytest.mark.parametrize("value", ["6", 6.0, True])
    def test_values_that_are_no_int(self, path, value):
        with pytest.raises(TypeError, match="compression_level"):
            tf.io.TFRecordWriter(path, tf.io.TFRecordOptions("ZLIB", compression_level=value))

    def test_without_compression_no_field_counts(self, path):
        assert written(path, [b"x"], "", compression_level=77, window_bits=3) == frames([b"x"])


class TestIterator:
    def test_a_growing_file(self, path):
        with tf.io.TFRecordWriter(path) as writer:
            reader = iterate(path)
            for record in (b"one", b"two", b"x" * 30_000, b""):
                assert next(reader, "end") == "end"
                writer.write(record)
                writer.flush()
                assert next(reader) == record
            assert next(reader, "end") == next(reader, "end") == "end"

    @pytest.mark.parametrize("missing", [1, 4, 5, 12, 13, 17])
    def test_row_32_a_record_completed_later(self, path, missing):
        data = frames([b"good", b"later"])
        with open(path, "ab", buffering=0) as file:
            file.write(data[:-missing])
            reader = iterate(path)
            assert next(reader) == b"good"
            for _ in range(2):
                with pytest.raises(tf.errors.DataLossError, match="truncated record at 20"):
                    next(reader)
            file.write(data[-missing:])
            assert next(reader) == b"later"
            assert next(reader, "end") == "end"

    def test_damage_has_its_place(self, path):
        data = bytearray(frames([b"good", b"bad"]))
        data[-5] ^= 1
        with open(path, "wb") as file:
            file.write(data)
        reader = iterate(path)
        assert next(reader) == b"good"
        with pytest.raises(tf.errors.DataLossError, match="corrupted record at 20") as caught:
            next(reader)
        error = caught.value
        assert isinstance(error, tfr.TFRecordError)
        assert isinstance(error.__cause__, tfr.CorruptRecordError)
        assert (error.path, error.record, error.offset) == (path, 1, 20)
        assert error.error_code == tf.errors.DATA_LOSS
        assert path in error.message

    @pytest.mark.parametrize("codec", ["GZIP", "ZLIB"])
    def test_the_compression_is_taken_at_its_word(self, path, codec):
        with tf.io.TFRecordWriter(path, codec) as writer:
            writer.write(b"x")
        for other in {None, "GZIP", "ZLIB"} - {codec}:
            with pytest.raises(tf.errors.DataLossError):
                next(iterate(path, other))

    @pytest.mark.parametrize("codec", ["GZIP", "ZLIB"])
    def test_row_15_a_stream_that_was_cut(self, path, codec):
        with tf.io.TFRecordWriter(path, codec) as writer:
            writer.write(b"x")
        os.truncate(path, os.path.getsize(path) - 2)
        reader = iterate(path, codec)
        assert next(reader) == b"x"
        with pytest.raises(tf.errors.DataLossError, match="truncated record"):
            next(reader)

    def test_row_24_the_system_fails_to_read(self, path, monkeypatch):
        with tf.io.TFRecordWriter(path) as writer:
            writer.write(b"x")
        reader = iterate(path)

        def fail(_):
            raise OSError(errno.EIO, "Input/output error", path)

        with monkeypatch.context() as patch:
            patch.setattr(tfr.RecordReader, "__next__", fail)
            with pytest.raises(tf.errors.UnknownError, match="Input/output error") as caught:
                next(reader)
        assert (caught.value.errno, caught.value.filename) == (errno.EIO, path)
        assert list(reader) == [b"x"]

    def test_close_and_reopen(self, path):
        with tf.io.TFRecordWriter(path) as writer:
            for record in (b"1", b"2", b"3"):
                writer.write(record)
        reader = iterate(path)
        assert next(reader) == b"1"
        with pytest.raises(tf.errors.FailedPreconditionError, match="not closed"):
            reader.reopen()
        reader.close()
        assert next(reader, "end") == "end"
        reader.reopen()
        assert next(reader) == b"2"
        reader.close()
        with open(path, "r+b") as file:
            file.write(b"!")
        with pytest.raises(tf.errors.DataLossError, match="corrupted record at 0"):
            reader.reopen()
        with open(path, "r+b") as file:
            file.write(b"\1")
        reader.reopen()
        assert list(reader) == [b"3"]
        reader.close()

    def test_an_empty_file(self, path):
        with open(path, "wb"):
            pass
        assert list(iterate(path)) == []


class TestRandomReader:
    RECORDS = (b"one", b"", b"x" * 30_000, b"four")

    @pytest.fixture
    def reader(self, path):
        with open(path, "wb") as file:
            file.write(frames(self.RECORDS))
        reader = tf.python_io.tf_record_random_reader(path)
        yield reader
        reader.close()

    def test_any_order(self, reader):
        offsets = [0]
        for record in self.RECORDS:
            found, offset = reader.read(offsets[-1])
            assert found == record
            offsets.append(offset)
        for index in (3, 0, 2, 1):
            assert reader.read(offsets[index]) == (self.RECORDS[index], offsets[index + 1])
        for offset in (offsets[-1], offsets[-1] + 1000):
            with pytest.raises(IndexError, match="Out of range"):
                reader.read(offset)

    def test_by_threads(self, reader):
        offsets = [0]
        for _ in self.RECORDS:
            offsets.append(reader.read(offsets[-1])[1])
        wrong = []

        def work(seed):
            for index in random.Random(seed).choices(range(4), k=200):
                found = reader.read(offsets[index])
                wrong.append(found != (self.RECORDS[index], offsets[index + 1]))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(wrong) == 800
        assert not any(wrong)

    def test_where_no_record_begins(self, reader):
        with pytest.raises(tf.errors.DataLossError, match="corrupted record at 1:") as caught:
            reader.read(1)
        assert (caught.value.record, caught.value.offset) == (None, 1)

    def test_no_such_offset(self, reader):
        with pytest.raises(tf.errors.UnknownError) as caught:
            reader.read(-1)
        assert caught.value.errno == errno.EINVAL

    def test_closed(self, reader):
        reader.close()
        with pytest.raises(tf.errors.FailedPreconditionError, match="closed"):
            reader.read(0)

    def test_no_file(self, tmp_path):
        with pytest.raises(tf.errors.NotFoundError):
            tf.python_io.tf_record_random_reader(str(tmp_path / "missing"))


def test_a_file_of_ours_and_a_file_of_theirs_are_one(path):
    with tf.io.TFRecordWriter(path) as writer:
        for record in RECORDS:
            writer.write(record)
    ours = io.BytesIO()
    with tfr.RecordWriter(ours) as plain:
        plain.write_many(RECORDS)
    with open(path, "rb") as file:
        assert file.read() == ours.getvalue()
