"""Damaged, missing and foreign files: what is known before training, and what is told during it.

Numbers are rows of the fault matrix, as in tests/records/test_faults.py.
"""

from __future__ import annotations

import gzip
import importlib
import os
import sys
import zlib

import frames
import numpy as np
import pytest
import tensorflow as tf
from tf_backend.tensors import ENGINES, FEATURES, flat, ids, record

import tfrecord_lite as tfr
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.files.index import RecordIndex
from tfrecord_lite.tensorflow import make_dataset

ID = {"id": FEATURES["id"]}
RECORDS = [record(index) for index in range(8)]
DATA = frames.frames(RECORDS)
BOUNDS = np.cumsum([0, *(len(item) + 16 for item in RECORDS)]).tolist()

both = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def shards(tmp_path):
    """Write two shards; the second is for the test to damage."""
    for name in ("a.tfrecord", "b.tfrecord"):
        (tmp_path / name).write_bytes(DATA)
    return [str(tmp_path / "a.tfrecord"), str(tmp_path / "b.tfrecord")]


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)


def refused(paths, engine, error, text, **options):
    with pytest.raises(error, match=text) as found:
        make_dataset(paths, ID, batch_size=4, engine=engine, **options)
    return found.value


# Before training.


@both
@pytest.mark.parametrize("size", [1, 11, 12, 100])
def test_6_cut_inside_a_record(shards, engine, size):
    put(shards[1], DATA[: BOUNDS[5] + size])
    error = refused(shards, engine, tfr.TruncatedRecordError, "b.tfrecord: record 5 at byte")
    assert (error.record, error.offset) == (5, BOUNDS[5])


@both
def test_8_zeros_behind_the_records(shards, engine):
    put(shards[1], DATA + bytes(8))
    refused(shards, engine, tfr.TruncatedRecordError, "b.tfrecord: record 8")


@both
@pytest.mark.parametrize("length", [2**30, 2**34, 2**40, 2**62, 2**63 - 1, 2**64 - 16])
def test_10_lengths_that_tensorflow_dies_of(shards, engine, length):
    put(shards[1], DATA[: BOUNDS[3]] + frames.header(length) + DATA[BOUNDS[3] + 12 :])
    error = tfr.TruncatedRecordError if length <= 2**30 else tfr.RecordTooLargeError
    refused(shards, engine, error, "b.tfrecord: record 3")


def test_10_no_index_beside_a_file_hides_its_lengths(shards):
    pad = frames.frames([bytes(9000)])
    put(shards[1], pad + DATA + pad)
    RecordIndex.build(shards[1]).save()
    status = os.stat(shards[1])
    with open(shards[1], "r+b") as file:
        file.seek(len(pad) + BOUNDS[4])
        file.write(frames.header(2**40))
    os.utime(shards[1], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert len(RecordIndex.load(shards[1])) == 10
    refused(shards, "tf.data", tfr.RecordTooLargeError, "b.tfrecord: record 5")


@both
def test_1_a_length_with_a_flipped_bit(shards, engine):
    data = bytearray(DATA)
    data[BOUNDS[6]] ^= 4
    put(shards[1], data)
    refused(shards, engine, tfr.CorruptRecordError, "b.tfrecord: record 6")


@both
@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n" + bytes(100), b"version https://git-lfs"])
def test_9_a_foreign_file(shards, engine, data):
    put(shards[1], data)
    refused(shards, engine, tfr.TFRecordError, "b.tfrecord: record 0 at byte 0")


@both
@pytest.mark.parametrize(
    ("data", "codec", "error"),
    [
        (gzip.compress(DATA), None, tfr.CorruptRecordError),
        (gzip.compress(DATA), "ZLIB", tfr.CompressionError),
        (DATA, "GZIP", tfr.CompressionError),
        (zlib.compress(DATA), "GZIP", tfr.CompressionError),
    ],
)
def test_21_a_codec_that_is_not_the_files(shards, engine, data, codec, error):
    put(shards[1], data)
    refused(shards[1:], engine, error, "b.tfrecord", compression=codec)


@both
def test_42_a_missing_file(shards, engine):
    os.remove(shards[1])
    refused(shards, engine, FileNotFoundError, "b.tfrecord")
    refused(shards[1] + "*", engine, FileNotFoundError, "no file matches")
    refused([], engine, FileNotFoundError, "empty list")


@both
def test_a_feature_that_a_shard_lacks(shards, engine):
    put(shards[1], frames.frames([tfr.encode_example({"name": "x"})]))
    error = refused(shards, engine, tfr.ExampleError, "b.tfrecord: record 0 .*'id'.* is missing")
    assert error.record == 0


@both
def test_records_that_are_no_examples(shards, engine):
    put(shards[1], frames.frames([b"\xff"]))
    refused(shards, engine, tfr.ExampleError, "b.tfrecord: record 0")


def write_set(folder, **options):
    with ShardWriter(folder / "set", records_per_shard=4, **options) as writer:
        writer.write_many(RECORDS)
    assert writer.manifest is not None
    return writer.manifest.files


@both
@pytest.mark.parametrize("codec", [None, "GZIP", "ZLIB"])
def test_15_a_shard_that_was_cut(engine, codec, tmp_path):
    _, last = write_set(tmp_path, compression=codec)
    size = os.path.getsize(last)
    for cut in (1, 8, size - 12, size - 1):
        os.truncate(last, size - cut)
        refused(tmp_path / "set", engine, tfr.TFRecordError, "set-00001.*bytes, but")
        refused(tmp_path, engine, tfr.TFRecordError, "set-00001.*bytes, but")


@both
@pytest.mark.parametrize("codec", ["GZIP", "ZLIB"])
def test_15_compressed_content_that_is_not_the_manifests(engine, codec, tmp_path):
    _, last = write_set(tmp_path, compression=codec)
    with open(last, "r+b") as file:
        file.seek(-9, os.SEEK_END)
        byte = file.read(1)
        file.seek(-9, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    error = refused(tmp_path / "set", engine, tfr.TFRecordError, "set-00001.*checksum.*manifest")
    assert isinstance(error.expected, int)
    assert error.expected != error.actual


@both
def test_plain_content_that_is_not_the_manifests(engine, tmp_path):
    """Of the same size, with another number of records."""
    _, last = write_set(tmp_path)
    size = os.path.getsize(last)
    put(last, frames.frames([bytes(size - 16)]))
    refused(tmp_path / "set", engine, tfr.TFRecordError, "set-00001.*found 1 records.*says 4")


@both
def test_15_blocked_gzip_without_its_end(engine, tmp_path):
    path = tmp_path / "a.tfrecord.gz"
    tfr.write_records(path, RECORDS, compression="GZIP", block_bytes=100)
    data = path.read_bytes()
    for cut in (1, 8, 20):
        path.write_bytes(data[:-cut])
        refused(path, engine, tfr.TruncatedRecordError, "a.tfrecord.gz: .*compressed byte")


# During training.


@both
def test_unchecked_files_are_read_as_far_as_they_go(shards, engine):
    put(shards[1], DATA[: BOUNDS[5] + 30])
    data = make_dataset(shards, ID, batch_size=4, engine=engine, check=False)
    seen = []
    with pytest.raises(tf.errors.OpError):
        for batch in data:
            seen += batch["id"].numpy().tolist()
    assert seen == [*range(8), *range(4)]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zlib.compress])
def test_3_errors_have_the_text_that_the_reader_gives(shards, compress):
    data = bytearray(DATA)
    data[BOUNDS[6] + 20] ^= 1
    put(shards[1], compress(bytes(data)))
    with pytest.raises(tfr.CorruptRecordError) as expected:
        list(tfr.read_records(shards))
    assert f"b.tfrecord: record 6 at byte {BOUNDS[6]}: checksum" in str(expected.value)
    for cache in (False, True):
        for shuffle in (False, 3):
            options = {"cache": cache, "shuffle": shuffle, "check": False}
            dataset = make_dataset(shards, ID, batch_size=4, engine="numpy", **options)
            with pytest.raises(tf.errors.InvalidArgumentError) as found:
                list(dataset)
            assert str(expected.value) in found.value.message


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("shuffle", [False, True, 3])
def test_a_later_record_that_does_not_fit(shards, shuffle, cache):
    put(shards[1], DATA + frames.frames([tfr.encode_example({"id": [1, 2]})]))
    text = f"b.tfrecord: record 8 at byte {BOUNDS[8]}: feature 'id': found 2 values, expected 1"
    data = make_dataset(shards, ID, batch_size=4, engine="numpy", shuffle=shuffle, cache=cache)
    with pytest.raises(tf.errors.InvalidArgumentError) as found:
        list(data)
    assert text in found.value.message


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("shuffle", [False, 3])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_damage_that_is_left_out(shards, compress, shuffle, cache):
    data = bytearray(DATA)
    data[BOUNDS[2] + 20] ^= 1
    put(shards[0], compress(bytes(data)))
    put(shards[1], compress(DATA)[:-9] if compress is gzip.compress else DATA[:-3])
    told: list[tfr.Damage] = []
    dataset = make_dataset(
        shards,
        ID,
        batch_size=4,
        engine="numpy",
        on_damage=told.append,
        shuffle=shuffle,
        cache=cache,
    )
    assert int(dataset.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    expected: list[tfr.Damage] = []
    kept = [
        int(tfr.decode_example(item)["id"][0])
        for item in tfr.read_records(shards, on_damage=expected.append)
    ]
    assert len(expected) == 2
    for epoch in (1, 2):
        assert sorted(flat(ids(dataset))) == sorted(kept)
        assert told == expected * (1 if cache else epoch)


def test_on_damage_that_raises(shards):
    put(shards[1], DATA[:-3])

    def stop(damage):
        raise RuntimeError(f"enough: {damage.kind}")

    data = make_dataset(shards, ID, batch_size=4, engine="numpy", on_damage=stop)
    with pytest.raises(tf.errors.UnknownError, match="enough: truncated"):
        list(data)


@both
def test_a_pipe_is_no_file_of_a_dataset(engine, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", engine, ValueError, "not a regular file")


def test_without_tensorflow(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("tfrecord_lite.tensorflow")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'tfrecord-lite-np\[tensorflow\]'"):
        importlib.import_module("tfrecord_lite.tensorflow")


@pytest.mark.parametrize("wrong", ["lengths", "data"])
@pytest.mark.parametrize("kind", ["plain", "blocked", "stream"])
@pytest.mark.parametrize("given", ["files", "set"])
def test_what_is_not_verified_is_not_checked_before_training(tmp_path, kind, wrong, given):
    """The check believes what the reading believes: here what `Dataset` reads, too."""
    first = 8 if wrong == "lengths" else len(frames.frames(RECORDS[:1])) - 4
    data = bytearray(DATA)
    data[first : first + 4] = bytes(4)
    content = {
        "plain": bytes(data),
        "blocked": frames.member(bytes(data), records=len(RECORDS)),
        "stream": gzip.compress(data),
    }[kind]
    put(tmp_path / "a", content)
    verify = "none" if wrong == "lengths" else False
    paths, options = tmp_path / "a", {"verify": verify}
    if given == "set":
        paths, options = tfr.RecordSet(tmp_path / "a", verify=verify), {}
    read = make_dataset(paths, ID, batch_size=4, engine="numpy", **options)
    plain = tfr.Dataset(paths, ID, batch_size=4, **options)
    for _ in range(2):
        # The second epoch looks at the files again.
        assert flat(ids(read)) == [*range(8)]
    assert flat(batch["id"].tolist() for batch in plain) == [*range(8)]
    with pytest.raises(tfr.CorruptRecordError):
        ids(make_dataset(tmp_path / "a", ID, batch_size=4, engine="numpy"))
