"""read_batches and write_examples: files to batches of columns, and columns to files."""

from __future__ import annotations

import gc
import os
import threading
from collections import deque
from typing import Any

import frames
import numpy as np
import pytest

from tfrecord_lite import read_records
from tfrecord_lite.dataset import read_batches, write_examples
from tfrecord_lite.errors import CorruptRecordError, ExampleError, TruncatedRecordError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    Ragged,
    RaggedFeature,
    RawFeature,
    SparseFeature,
    VarLenFeature,
    encode_example,
    parse_example,
)
from tfrecord_lite.records import RecordWriter
from tfrecord_lite.thresholds import limits

FEATURES = {
    "id": FixedLenFeature([], np.int64),
    "image": RawFeature([2, 2], np.uint8),
    "scores": FixedLenFeature([2], np.float32, [0.5, 0.5]),
    "name": FixedLenFeature([], bytes),
    "tokens": VarLenFeature(np.int64),
    "words": RaggedFeature(bytes),
    "padded": FixedLenSequenceFeature([], np.int64, default_value=-1),
}


def record(index: int) -> bytes:
    return encode_example(
        {
            "id": index,
            "image": np.full(4, index % 256, np.uint8).tobytes(),
            "scores": None if index % 5 == 0 else [index / 2, -index / 4],
            "name": f"n{index}",
            "tokens": np.arange(index % 4),
            "words": None if index % 3 else [b"w"] * (index % 4 + 1),
            "padded": np.arange(index % 6),
        }
    )


def write(path: Any, records: Any, **options: Any) -> str:
    with RecordWriter(path, **options) as writer:
        writer.write_many(records)
    return str(path)


def plain(batch: dict[str, Any]) -> dict[str, Any]:
    return {
        name: column.to_list()
        if isinstance(column, Ragged)
        else (str(column.dtype), column.shape, column.tolist())
        for name, column in batch.items()
    }


def expected(records: list[bytes], size: int, features: Any = FEATURES) -> list[dict[str, Any]]:
    return [
        plain(parse_example(records[begin : begin + size], features))
        for begin in range(0, len(records), size)
    ]


@pytest.fixture
def small_blocks(monkeypatch):
    """Make blocks so small that most batches lie across several."""
    monkeypatch.setattr(limits, "read_block_bytes", 2000)
    for size in ("small", "middle", "large"):
        monkeypatch.setattr(limits, f"{size}_block_bytes", (2000, 2000))


@pytest.fixture
def files(tmp_path):
    """Write several files, an empty one among them, and return them with all their records."""
    counts = (3, 100, 0, 17, 1, 60)
    records = [record(index) for index in range(sum(counts))]
    paths, begin = [], 0
    for number, count in enumerate(counts):
        compression = ("GZIP", None, "ZLIB")[number % 3]
        path = tmp_path / f"{number}.tfrecord"
        paths.append(write(path, records[begin : begin + count], compression=compression))
        begin += count
    return paths, records


@pytest.mark.parametrize("size", [1, 2, 7, 32, 100, 180, 181, 182, 1000])
@pytest.mark.parametrize("blocks", ["small", "large"])
def test_batches_across_blocks_and_files(files, request, blocks, size):
    if blocks == "small":
        request.getfixturevalue("small_blocks")
    paths, records = files
    found = list(map(plain, read_batches(paths, FEATURES, batch_size=size)))
    assert found == expected(records, size)
    whole = len(records) // size
    found = list(map(plain, read_batches(paths, FEATURES, batch_size=size, drop_remainder=True)))
    assert found == expected(records, size)[:whole]


def test_a_file_a_directory_a_glob(files, tmp_path):
    paths, records = files
    for some in (str(tmp_path), tmp_path, f"{tmp_path}/*.tfrecord", iter(paths)):
        assert sum(len(batch["id"]) for batch in read_batches(some, FEATURES)) == len(records)
    (batch,) = read_batches(paths[0], FEATURES)
    assert batch["id"].tolist() == [0, 1, 2]


def test_sequences_are_padded_to_the_longest_of_their_batch(tmp_path, small_blocks):
    records = [encode_example({"a": np.arange(index)}) for index in range(7)]
    path = write(tmp_path / "a.tfrecord", records)
    features = {"a": FixedLenSequenceFeature([], np.int64)}
    shapes = [batch["a"].shape for batch in read_batches(path, features, batch_size=3)]
    assert shapes == [(3, 2), (3, 5), (1, 6)]


def test_splits_begin_at_zero(files):
    paths, _ = files
    for batch in read_batches(paths, FEATURES, batch_size=7):
        for name in ("tokens", "words"):
            splits = batch[name].row_splits
            assert splits[0] == 0
            assert splits[-1] == len(batch[name].values)


def test_writing_into_a_batch_changes_no_other(files):
    paths, records = files
    found = []
    for batch in read_batches(paths, FEATURES, batch_size=7):
        found.append(plain(batch))
        for column in batch.values():
            values = column.values if isinstance(column, Ragged) else column
            values[...] = b"" if values.dtype == object else 77
    assert found == expected(records, 7)


def test_features_are_inferred(files):
    paths, records = files
    found = list(read_batches(paths, batch_size=50))
    features = {
        "id": FixedLenFeature([], np.int64),
        "image": FixedLenFeature([], bytes),
        "scores": RaggedFeature(np.float32),
        "name": FixedLenFeature([], bytes),
        "tokens": RaggedFeature(np.int64),
        "words": RaggedFeature(bytes),
        "padded": RaggedFeature(np.int64),
    }
    assert sorted(found[0]) == sorted(features)
    assert list(map(plain, found)) == [
        {name: batch[name] for name in found[0]} for batch in expected(records, 50, features)
    ]


def test_a_record_that_is_unlike_the_first_ones(tmp_path):
    records = [encode_example({"a": 1})] * 1200 + [encode_example({"a": [1, 2]})]
    path = write(tmp_path / "a.tfrecord", records)
    found = read_batches(path, batch_size=500)
    # What can be handed out is.
    assert [len(next(found)["a"]) for _ in range(2)] == [500, 500]
    with pytest.raises(ExampleError) as caught:
        next(found)
    offset = 1200 * (len(records[0]) + 16)
    assert str(caught.value) == (
        f"{path}: record 1200 at byte {offset}: feature 'a': found 2 values, expected 1 for the "
        "shape (); RaggedFeature and VarLenFeature take any number (features inferred from the "
        "first 1,000 records: pass features=)"
    )


def test_two_kinds_among_the_first_records(tmp_path):
    one = write(tmp_path / "1.tfrecord", [encode_example({"a": 1})] * 3)
    two = write(tmp_path / "2.tfrecord", [encode_example({"a": 1}), encode_example({"a": b"x"})])
    with pytest.raises(ExampleError, match=r"2\.tfrecord: record 1 at byte .*pass features= wi"):
        read_batches([one, two])


def test_no_feature_at_all(tmp_path):
    path = write(tmp_path / "a.tfrecord", [encode_example({}), b""])
    with pytest.raises(ExampleError, match="record 0 at byte 0: no feature"):
        list(read_batches(path))
    with pytest.raises(ValueError, match="no features"):
        read_batches(path, {})


def test_the_first_record_that_does_not_fit_is_named_whichever_feature_it_is(tmp_path):
    good = encode_example({"a": 1, "b": 1})
    records = [good] * 50
    records[20] = encode_example({"a": 1})
    records[40] = encode_example({"b": 1})
    path = write(tmp_path / "a.tfrecord", records)
    features = {"a": FixedLenFeature([], np.int64), "b": FixedLenFeature([], np.int64)}
    found = read_batches(path, features, batch_size=10)
    assert [len(next(found)["a"]) for _ in range(2)] == [10, 10]
    with pytest.raises(ExampleError, match="record 20 at byte .*: feature 'b': is missing"):
        next(found)
    records[0] = b""
    found = read_batches(write(tmp_path / "a.tfrecord", records), features)
    with pytest.raises(ExampleError, match="record 0 at byte 0: feature 'a': is missing"):
        next(found)


@pytest.mark.parametrize("features", [None, FEATURES])
def test_only_empty_files(tmp_path, features):
    for compression in (None, "GZIP"):
        path = write(tmp_path / "a.tfrecord", [], compression=compression)
        assert list(read_batches([path, path], features)) == []


@pytest.mark.parametrize("size", [0, -1])
def test_batch_size(files, size):
    with pytest.raises(ValueError, match=f"batch_size={size} must be at least 1"):
        read_batches(files[0], FEATURES, batch_size=size)


def test_no_file(tmp_path):
    for paths in (tmp_path / "none", f"{tmp_path}/*", []):
        with pytest.raises(FileNotFoundError):
            read_batches(paths, FEATURES)


def damaged_files(tmp_path: Any) -> tuple[list[str], list[bytes]]:
    """Write three files of 40 records each, the first two with a damaged record, 10 and 20."""
    records = [record(index) for index in range(120)]
    paths = []
    for number in range(3):
        part = records[number * 40 : number * 40 + 40]
        data = bytearray(frames.frames(part))
        if number < 2:
            at = sum(len(item) + 16 for item in part[: 10 + 10 * number])
            data[at + 20] ^= 1
        path = tmp_path / f"{number}.tfrecord"
        path.write_bytes(data)
        paths.append(str(path))
    return paths, records


@pytest.mark.parametrize("features", [None, FEATURES])
def test_damage_is_told_once_and_before_what_lies_behind_it(tmp_path, small_blocks, features):
    paths, _ = damaged_files(tmp_path)
    events: list[Any] = []
    for batch in read_batches(paths, features, batch_size=5, on_damage=events.append):
        events += batch["id"].tolist()
    kept = [index for index in range(120) if index not in (10, 60)]
    assert [event for event in events if isinstance(event, int)] == kept
    told = [event for event in events if not isinstance(event, int)]
    assert [(damage.path, damage.record, damage.kind) for damage in told] == [
        (paths[0], 10, "data"),
        (paths[1], 20, "data"),
    ]
    # A batch may be held back for one after the damage, never the other way round.
    assert events.index(told[0]) <= events.index(11)
    assert events.index(told[1]) <= events.index(61)


def test_damage_raises_otherwise(tmp_path, small_blocks):
    paths, _ = damaged_files(tmp_path)
    found = read_batches(paths, FEATURES, batch_size=5)
    assert [next(found)["id"].tolist() for _ in range(2)] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    with pytest.raises(CorruptRecordError, match=r"0\.tfrecord: record 10 at byte"):
        next(found)
    with pytest.raises(CorruptRecordError, match="record 10"):
        read_batches(paths)
    (batch,) = read_batches(paths[2], FEATURES, verify=False)
    assert len(batch["id"]) == 40


def test_on_damage_may_stop_it(tmp_path, small_blocks):
    class Enough(Exception):
        pass

    def stop(damage: Any) -> None:
        raise Enough(damage.record)

    paths, _ = damaged_files(tmp_path)
    with pytest.raises(Enough, match="10"):
        list(read_batches(paths, FEATURES, batch_size=5, on_damage=stop))


def test_damage_before_an_error_is_told(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(frames.frames([record(0)])[:-1] + b"x")
    gone = tmp_path / "b.tfrecord"
    os.mkfifo(gone)
    found = []
    reading = read_batches([path, gone], FEATURES, on_damage=found.append)
    gone.unlink()
    with pytest.raises(FileNotFoundError):
        next(reading)
    assert [damage.record for damage in found] == [0]


def test_a_file_that_is_cut_off(tmp_path):
    data = frames.frames([record(index) for index in range(10)])
    path = tmp_path / "a.tfrecord"
    path.write_bytes(data[:-5])
    found = read_batches(path, FEATURES, batch_size=3)
    assert [len(next(found)["id"]) for _ in range(3)] == [3, 3, 3]
    with pytest.raises(TruncatedRecordError):
        next(found)


def open_files() -> set[str]:
    return {os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_closed_early(files, small_blocks):
    paths, _ = files
    paths = [os.path.realpath(path) for path in paths]
    found = read_batches(paths, FEATURES, batch_size=2)
    next(found)
    next(found)
    next(found)
    found.close()
    assert not open_files() & set(paths)
    assert not threads_that_read()
    assert list(found) == []


def long_records(path, size=20_000, **options):
    return write(path, (encode_example({"image": bytes(size)}) for _ in range(300)), **options)


def threads_that_read() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("tfrecord_lite-read")]


def rows_of_two_blocks(batches) -> int:
    """Read on until what was read ahead is in use: the first block has a MiB."""
    return sum(len(next(batches)["image"]) for _ in range(20))


@pytest.mark.parametrize(
    ("size", "count", "options", "expected"),
    [
        (20_000, 2, {}, True),
        (10_000, 2, {}, False),
        (20_000, 1, {}, False),
        (10_000, 1, {"compression": "GZIP", "block_bytes": None, "level": 1}, True),
    ],
)
def test_what_leaves_the_interpreter_free_is_read_ahead(
    tmp_path, cores, size, count, options, expected
):
    cores(count)
    path = long_records(tmp_path / "a", size, **options)
    found = read_batches(path, {"image": bytes}, batch_size=8)
    assert rows_of_two_blocks(found) == 160
    assert bool(threads_that_read()) == expected
    assert sum(len(batch["image"]) for batch in found) == 140
    assert not threads_that_read()


def test_a_pipe_is_not_read_ahead(tmp_path, cores):
    cores(2)
    path = long_records(tmp_path / "a")
    with open(path, "rb") as file:
        data = file.read()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    found = read_batches(pipe, {"image": bytes}, batch_size=8)
    assert rows_of_two_blocks(found) == 160
    assert not threads_that_read()
    assert sum(len(batch["image"]) for batch in found) == 140
    writer.join()


@pytest.mark.parametrize("size", [1, 7, 40, 100])
def test_sparse_features_across_blocks(tmp_path, small_blocks, size):
    rng = np.random.default_rng(0)
    features = {"sparse": SparseFeature("at", "value", np.float32, 9), "ids": VarLenFeature(int)}
    records = []
    for index in range(100):
        at = np.flatnonzero(rng.random(9) < 0.4)
        row = {"at": at, "value": at * 0.5, "ids": np.full(int(rng.integers(40)), index)}
        records.append(encode_example(row))
    path = write(tmp_path / "a", records)
    found = list(read_batches(path, features, batch_size=size))
    for batch, begin in zip(found, range(0, 100, size), strict=True):
        wanted = parse_example(records[begin : begin + size], features)
        for name in features:
            for part, expected_part in zip(batch[name], wanted[name], strict=True):
                assert np.array_equal(part, expected_part), (name, begin)


# The collector may close a file in a cycle before the generator that has it open, and warns then.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_forgotten_in_a_cycle(files, small_blocks):
    # The garbage collector stops the thread's queue before it closes the generator.
    for _ in range(3):
        found = read_batches(files[0], FEATURES, batch_size=2)
        next(found)
        cycle = [found]
        cycle.append(cycle)
        del cycle, found
        gc.collect()
    assert not threads_that_read()


def test_never_begun(files):
    read_batches(files[0], FEATURES).close()
    assert not threads_that_read()


COLUMNS = {
    "integers": np.arange(300) * 1000,
    "floats": np.linspace(0, 1, 900, dtype=np.float32).reshape(300, 3),
    "names": [f"name {index}" for index in range(300)],
    "maybe": [None if index % 3 else [index] * (index % 5 + 1) for index in range(300)],
    "bytes": [b"x" * index for index in range(300)],
    "ragged": Ragged(np.arange(900), np.concatenate([[0], np.repeat(np.arange(3, 903, 6), 2)])),
    "images": np.zeros((300, 2, 2), np.uint8),
}
WRITE_FEATURES = {"images": RawFeature([2, 2], np.uint8)}


def rows(columns: dict[str, Any], count: int, features: Any = None) -> list[bytes]:
    return [
        encode_example({name: column[row] for name, column in columns.items()}, features)
        for row in range(count)
    ]


@pytest.mark.parametrize(
    "options", [{}, {"compression": "GZIP"}, {"compression": "ZLIB"}, {"block_bytes": None}]
)
@pytest.mark.parametrize("write_bytes", [1, 5000, 1 << 22])
def test_written_byte_for_byte(tmp_path, monkeypatch, options, write_bytes):
    monkeypatch.setattr(limits, "encoded_bytes", write_bytes)
    if "block_bytes" in options:
        options = {"compression": "GZIP", "block_bytes": None}
    one = tmp_path / "one.tfrecord"
    with RecordWriter(one, **options) as writer:
        for data in rows(COLUMNS, 300, WRITE_FEATURES):
            writer.write(data)
    other = tmp_path / "other.tfrecord"
    assert write_examples(other, COLUMNS, WRITE_FEATURES, **options) == 300
    if not options:
        assert other.read_bytes() == one.read_bytes()
    assert list(read_records(other)) == list(read_records(one))
    assert other.read_bytes() == one.read_bytes()


def test_written_and_read_again(tmp_path):
    path = tmp_path / "a.tfrecord"
    write_examples(path, COLUMNS, WRITE_FEATURES)
    features = {
        "images": RawFeature([2, 2], np.uint8),
        "integers": FixedLenFeature([], np.int64),
        "floats": FixedLenFeature([3], np.float32),
        "names": FixedLenFeature([], bytes),
        "ragged": RaggedFeature(np.int64),
    }
    (batch,) = read_batches(path, features)
    for name in ("images", "integers", "floats"):
        assert (batch[name] == COLUMNS[name]).all()
    assert [name.decode() for name in batch["names"]] == COLUMNS["names"]
    assert batch["ragged"].to_list() == COLUMNS["ragged"].to_list()


def test_a_column_that_takes_no_slices_is_written(tmp_path):
    path = tmp_path / "a.tfrecord"
    assert write_examples(path, {"a": deque(range(100))}) == 100
    assert list(read_records(path)) == [encode_example({"a": row}) for row in range(100)]


def test_no_rows_are_written(tmp_path):
    path = tmp_path / "a.tfrecord"
    assert write_examples(path, {"a": []}) == 0
    assert path.read_bytes() == b""


def test_appended(tmp_path):
    path = tmp_path / "a.tfrecord"
    for _ in range(2):
        assert write_examples(path, {"a": [1, 2]}, mode="a") == 2
    assert list(read_records(path)) == rows({"a": [1, 2]}, 2) * 2


def test_a_value_that_cannot_be_written_leaves_no_file(tmp_path, monkeypatch):
    path = tmp_path / "a.tfrecord"
    for at in (3, 100):
        values: list[Any] = [1] * 200
        values[at] = 2**63
        with pytest.raises(ExampleError, match=f"feature 'a': row {at}: "):
            write_examples(path, {"a": values})
        assert os.listdir(tmp_path) == []
    with pytest.raises(ValueError, match="'a' has 1 rows, 'b' has 2"):
        write_examples(path, {"a": [1], "b": [1, 2]})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("size", [0, 1.5, "2", None])
def test_a_batch_size_that_is_none(tmp_path, size):
    path = tmp_path / "a.tfrecord"
    write_examples(path, {"a": [1]})
    with pytest.raises((TypeError, ValueError), match=f"batch_size={size!r} must be"):
        read_batches(path, batch_size=size)
