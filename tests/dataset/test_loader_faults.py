"""Dataset: what it says of bad input, and what it leaves out."""

from __future__ import annotations

import json
import os
from itertools import islice, pairwise

import frames
import pytest
from dataset.sets import COUNTS, ID, KINDS, RECORDS, flat, ids, joined, order_of
from dataset.test_batches import write
from variants import few_or_many

from tfrecord_lite.dataset import read_batches
from tfrecord_lite.dataset.epoch_records import EpochRecords
from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.errors import (
    CompressionError,
    CorruptRecordError,
    ExampleError,
    TFRecordError,
    TruncatedRecordError,
)
from tfrecord_lite.example import encode_example
from tfrecord_lite.files.index import RecordIndex
from tfrecord_lite.records.deflate import make_encoder

# Bad input: what can be known is told before training starts, with the shard's name.


def cut(path, size):
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - size)


def damage(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def offset_of(number):
    return sum(len(item) + 16 for item in RECORDS[:number])


def missing(path):
    os.unlink(path)


def dangling(path):
    os.unlink(path)
    os.symlink("nowhere", path)


def a_folder_of_nothing(path):
    os.unlink(path)
    os.mkdir(path)


def a_pipe(path):
    os.unlink(path)
    os.mkfifo(path)


def foreign(path):
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + bytes(100))


def truncated(path):
    cut(path, 3)


def lacks_a_feature(path):
    write(path, [encode_example({"name": "x"}), RECORDS[0]])


def another_kind(path):
    write(path, [encode_example({"id": "x"})])


def no_example(path):
    write(path, [b"\xff\xff"])


BAD_SHARDS = [
    (missing, FileNotFoundError, "no such file"),
    (dangling, FileNotFoundError, "No such file"),
    (a_folder_of_nothing, FileNotFoundError, "no data files in this directory"),
    (a_pipe, ValueError, "not a regular file.*use read_batches"),
    (foreign, CorruptRecordError, "It looks like .*PNG"),
    (truncated, TruncatedRecordError, "record 39 at byte .*: the file ends inside"),
    (lacks_a_feature, ExampleError, "record 0 at byte 0: feature 'id': is missing"),
    (another_kind, ExampleError, "record 0 at byte 0: feature 'id': found bytes values"),
    (no_example, ExampleError, "record 0 at byte 0: "),
]


@pytest.mark.parametrize(
    ("spoil", "error", "text"), BAD_SHARDS, ids=lambda case: getattr(case, "__name__", case)
)
@pytest.mark.parametrize("shuffle", [False, True, 10])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_shard(sets, spoil, error, text, shuffle, workers):
    paths = sets["plain"]
    spoil(paths[1])
    with pytest.raises(error, match=text) as caught:
        Dataset(paths, ID, batch_size=10, shuffle=shuffle, workers=workers)
    assert paths[1] in str(caught.value)


def test_a_truncated_blocked_shard(sets):
    cut(sets["blocked"][3], 3)
    with pytest.raises(TruncatedRecordError, match=r"blocked/3\.tfrecord: "):
        Dataset(sets["blocked"], ID, batch_size=10)


def test_a_shard_that_lacks_an_inferred_feature(sets):
    write(sets["plain"][0], RECORDS * 10)
    lacks_a_feature(sets["plain"][5])
    with pytest.raises(ExampleError, match=r"5\.tfrecord: record 0 .*features inferred from the"):
        Dataset(sets["plain"], batch_size=10)


def test_no_feature_at_all(tmp_path):
    path = write(tmp_path / "a.tfrecord", [encode_example({})])
    with pytest.raises(ExampleError, match=r"a\.tfrecord: record 0 at byte 0: no feature in any"):
        Dataset(path, batch_size=10)


def test_check_may_be_left_out(sets):
    truncated(sets["plain"][1])
    dataset = Dataset(sets["plain"], ID, batch_size=10, check=False)
    found = iter(dataset)
    assert ids(islice(found, 4)) == [list(range(begin, begin + 10)) for begin in range(0, 40, 10)]
    with pytest.raises(TruncatedRecordError, match=r"1\.tfrecord: record 39 at byte"):
        next(found)
    # What anyone can see is looked at all the same.
    foreign(sets["plain"][5])
    with pytest.raises(CorruptRecordError, match=r"5\.tfrecord"):
        Dataset(sets["plain"], ID, batch_size=10, check=False)


@pytest.mark.parametrize("kind", ["gzip", "zlib", "mixed"])
def test_a_stream_has_no_random_access(sets, kind):
    with pytest.raises(CompressionError, match=r"\d\.tfrecord: .*; or shuffle=N, a buffer"):
        Dataset(sets[kind], ID, batch_size=10, shuffle=True)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_stream_that_ends_early(sets, workers):
    cut(sets["gzip"][3], 3)
    dataset = Dataset(sets["gzip"], ID, batch_size=10, workers=workers)
    found = []
    with pytest.raises(TruncatedRecordError, match=r"gzip/3\.tfrecord: "):
        for batch in dataset:
            found += batch["id"].tolist()
    assert found == list(range(60))
    shuffled = Dataset(sets["gzip"], ID, batch_size=10, workers=workers, shuffle=20)
    with pytest.raises(TruncatedRecordError, match=r"gzip/3\.tfrecord: "):
        list(iter(shuffled))


def test_damage_before_an_error_is_told(sets, monkeypatch):
    path = sets["plain"][1]
    with open(path, "r+b") as file:
        file.truncate(offset_of(5) - offset_of(3))
    damage(path, offset_of(5) - offset_of(3) - 1)
    for workers in (0, 1):
        found = []
        dataset = Dataset(
            sets["plain"], ID, batch_size=1, on_damage=found.append, check=False, workers=workers
        )
        dataset._records.indexed = False
        # It goes when the epoch has begun.
        monkeypatch.setattr(EpochRecords, "look_again", lambda _: None)
        os.rename(sets["plain"][2], sets["plain"][2] + ".gone")
        with pytest.raises(FileNotFoundError, match=r"2\.tfrecord"):
            list(iter(dataset))
        assert [(item.path, item.record) for item in found] == [(path, 1)]
        os.rename(sets["plain"][2] + ".gone", sets["plain"][2])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_a_file_of_which_nothing_is_left(sets, ranks):
    for number in (0, 3, 5):
        foreign(sets["plain"][number])
    found, told = [], []
    for rank in range(ranks):
        ((batches, damages, _), _) = seen_and_told(
            sets["plain"], batch_size=5, rank=rank, world_size=ranks
        )
        found += joined(batches)
        told += damages
    assert found == [*range(3, 43), 60]
    assert told == [(sets["plain"][number], 0, "length") for number in (0, 3, 5)]
    for number in (1, 4):
        foreign(sets["plain"][number])
    options = {"batch_size": 5, "rank": ranks - 1, "world_size": ranks}
    ((batches, told, _), _) = seen_and_told(sets["plain"], **options)
    assert batches == []
    assert len(told) == 5


@pytest.fixture
def published(tmp_path):
    with ShardWriter(tmp_path / "set", records_per_shard=40) as writer:
        writer.write_many(RECORDS)
    return sorted(map(str, tmp_path.glob("*.tfrecord")))


def test_a_shard_that_is_not_the_one_in_the_manifest(published, tmp_path):
    cut(published[1], 3)
    for paths in (tmp_path / "set", tmp_path, published):
        with pytest.raises(TFRecordError, match=rf"{published[1]}: .* bytes, but .*manifest\.json"):
            Dataset(paths, ID, batch_size=10)
    os.unlink(published[1])
    for paths in (tmp_path / "set", tmp_path, published):
        with pytest.raises(FileNotFoundError, match="00001-of-00003"):
            Dataset(paths, ID, batch_size=10)


@pytest.mark.parametrize("change", [1, -1])
@pytest.mark.parametrize(("shuffle", "workers"), [(False, 0), (7, 0), (False, 1), (True, 0)])
def test_a_manifest_that_counts_wrong(published, tmp_path, change, shuffle, workers):
    manifest = tmp_path / "set.manifest.json"
    content = json.loads(manifest.read_text())
    content["shards"][1]["records"] += change
    content["records"] += change
    manifest.write_text(json.dumps(content))
    with pytest.raises(TFRecordError, match=rf"{published[1]}: .*, but .*manifest\.json says "):
        list(iter(Dataset(published, ID, batch_size=10, shuffle=shuffle, workers=workers)))


def test_a_manifest_with_features_that_are_none(published, tmp_path):
    manifest = tmp_path / "set.manifest.json"
    content = json.loads(manifest.read_text())
    content["features"] = {"id": {"class": "NoFeature"}}
    manifest.write_text(json.dumps(content))
    with pytest.raises(TFRecordError, match=r"manifest\.json: not the JSON of features.*features="):
        Dataset(published, batch_size=10)
    assert len(Dataset(published, ID, batch_size=10)) == 10


# Errors on the way.

MODES = [(False, 0), (True, 0), (30, 0), (False, 2), (True, 2), (30, 2)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("shuffle", "workers"), MODES)
@pytest.mark.parametrize("kind", ["plain", "blocked", "gzip"])
def test_a_record_that_does_not_fit(tmp_path, shuffle, workers, kind):
    if shuffle is True and kind == "gzip":
        return
    records = list(RECORDS)
    records[57] = encode_example({"id": [1, 2]})
    paths = [
        write(tmp_path / f"{number}.tfrecord", records[begin : begin + 50], **KINDS[kind])
        for number, begin in enumerate((0, 50))
    ]
    order = order_of(100, shuffle, counts=(50, 50))
    before = order[: order.index(57) // 5 * 5]
    dataset = Dataset(paths, ID, batch_size=5, shuffle=shuffle, workers=workers)
    found = []
    with pytest.raises(ExampleError) as caught:
        for batch in dataset:
            found += batch["id"].tolist()
    # All whole batches before it are handed out.
    assert found == before
    offset = offset_of(57) - offset_of(50)
    assert str(caught.value) == (
        f"{paths[1]}: record 7 at byte {offset}: feature 'id': found 2 values, expected 1 for the "
        "shape (); RaggedFeature and VarLenFeature take any number"
    )


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("shuffle", "workers"), [(False, 0), (True, 0), (False, 2), (True, 2)])
def test_damaged_data(sets, shuffle, workers):
    path = sets["plain"][3]
    damage(path, offset_of(49) - offset_of(43) - 1)
    order = order_of(100, shuffle)
    dataset = Dataset(sets["plain"], ID, batch_size=5, shuffle=shuffle, workers=workers)
    found = []
    with pytest.raises(CorruptRecordError, match=rf"{path}: record 5 at byte \d+: checksum of"):
        for batch in dataset:
            found += batch["id"].tolist()
    assert found == order[: order.index(48) // 5 * 5]
    unverified = Dataset(sets["plain"], ID, batch_size=5, shuffle=shuffle, verify=False)
    assert sum(1 for _ in unverified) == 20


def seen_and_told(paths, **options):
    """Read an epoch or two; return each one's records, and what was told in it."""
    told = []
    with Dataset(paths, ID, on_damage=told.append, **options) as dataset:
        epochs = []
        for _ in range(2):
            told.clear()
            epochs.append((ids(dataset), [(d.path, d.record, d.kind) for d in told], list(told)))
    return epochs


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("shuffle", "workers"), MODES)
def test_damaged_data_is_left_out(sets, shuffle, workers):
    path = sets["plain"][3]
    for number in (48, 49):
        damage(path, offset_of(number) - offset_of(43) + 20)
    for epoch, (batches, told, damages) in enumerate(
        seen_and_told(sets["plain"], batch_size=5, shuffle=shuffle, workers=workers)
    ):
        order = [n for n in order_of(100, shuffle, epoch=epoch) if n not in (48, 49)]
        # The batches stay full.
        assert batches == [order[begin : begin + 5] for begin in range(0, 98, 5)]
        assert sorted(told) == [(path, 5, "data"), (path, 6, "data")]
        begin = offset_of(48) - offset_of(43)
        first = min(damages, key=lambda item: item.begin)
        assert (first.begin, first.end) == (begin, begin + len(RECORDS[48]) + 16)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("shuffle", "workers"), MODES)
def test_damage_is_told_once_in_each_epoch(sets, shuffle, workers):
    path = sets["plain"][3]
    damage(path, offset_of(48) - offset_of(43) + 20)
    told = []
    with Dataset(
        sets["plain"],
        ID,
        batch_size=5,
        shuffle=shuffle,
        workers=workers,
        repeat=3,
        on_damage=told.append,
    ) as dataset:
        # 99 are left, and so the last batch of each epoch is one of four.
        assert [len(batch["id"]) for batch in dataset] == ([5] * 19 + [4]) * 3
    assert [(d.path, d.record) for d in told] == [(path, 5)] * 3


@pytest.mark.usefixtures("small")
def test_a_damaged_member_is_left_out(sets):
    path = sets["blocked"][1]
    members = RecordIndex.build(path).members
    damage(path, int(members.offsets[2]) + 60)
    lost = range(*members.first_records[2:4].tolist())
    left, damages = left_by(read_batches, sets["blocked"])
    assert set(range(100)) - {n + 3 for n in lost} <= set(left) < set(range(100))
    for batches, _, told in seen_and_told(sets["blocked"], batch_size=5, shuffle=True):
        assert sorted(joined(batches)) == left
        assert sorted((d.path, d.record, d.kind) for d in told) == damages
    with pytest.raises(CompressionError, match=r"blocked/1\.tfrecord: .*gzip member at"):
        list(iter(Dataset(sets["blocked"], ID, batch_size=5, shuffle=True)))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shuffle", [False, True])
def test_damaged_data_in_a_member_is_left_out(tmp_path, shuffle):
    data = bytearray(frames.frames(RECORDS[:50]))
    data[offset_of(20) + 20] ^= 1
    encoder = make_encoder("GZIP", None, 1)
    cuts = pairwise(map(offset_of, range(0, 51, 10)))
    path = tmp_path / "a.tfrecord.gz"
    path.write_bytes(b"".join(encoder.encode(data[begin:end], 10) for begin, end in cuts))
    for batches, told, damages in seen_and_told(path, batch_size=5, shuffle=shuffle):
        assert sorted(joined(batches)) == [n for n in range(50) if n != 20]
        assert told == [(str(path), 20, "data")]
        assert (damages[0].begin, damages[0].end) == (offset_of(20), offset_of(21))


def damaged_length(path):
    damage(path, offset_of(28) - offset_of(3))


def left_by(reader, paths):
    """Return which records are left, and what is told, by another reader: the judge."""
    told = []
    batches = reader(paths, ID, batch_size=5, on_damage=told.append)
    return flat(batches), [(d.path, d.record, d.kind) for d in told]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("spoil", [damaged_length, truncated, foreign])
@pytest.mark.parametrize(("shuffle", "workers"), [(False, 0), (30, 0), (False, 2), (30, 2)])
def test_a_file_without_an_index_is_read_as_far_as_it_can_be(sets, spoil, shuffle, workers):
    paths = sets["plain"]
    spoil(paths[1])
    left, damages = left_by(read_batches, paths)
    assert len(damages) == 1
    assert damages[0][0] == paths[1]
    orders = []
    for batches, told, _ in seen_and_told(paths, batch_size=5, shuffle=shuffle, workers=workers):
        assert all(len(batch) == 5 for batch in batches[:-1])
        orders.append(joined(batches))
        assert (orders[-1] if not shuffle else sorted(orders[-1])) == left
        assert told == damages
    assert (orders[0] == orders[1]) == (not shuffle)
    with pytest.raises(TFRecordError, match=r"1\.tfrecord: .*; or shuffle=N, a buffer") as found:
        Dataset(paths, ID, batch_size=5, shuffle=True, on_damage=print)
    assert "on_damage=" not in str(found.value)  # that was given


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shuffle", [False, 30])
def test_ranks_leave_out_what_is_damaged_in_their_shares(sets, shuffle):
    paths = sets["plain"]
    damaged_length(paths[1])
    damage(paths[5], offset_of(90) - offset_of(61) + 20)
    left, damages = left_by(read_batches, paths)
    found, told = [], []
    for rank in range(3):
        options = {"batch_size": 5, "shuffle": shuffle, "rank": rank, "world_size": 3}
        ((batches, some, _), _) = seen_and_told(paths, **options)
        found += joined(batches)
        told += some
    assert sorted(found) == left
    assert told == damages


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shuffle", [False, 20, True])
@few_or_many("step", 5, 1)
def test_resumed_where_something_is_left_out(sets, shuffle, step):
    for number in (48, 49, 99):
        file = 3 if number < 60 else 5
        base = sum(COUNTS[:file])
        damage(sets["plain"][file], offset_of(number) - offset_of(base) + 20)
    options = {"batch_size": 5, "shuffle": shuffle, "on_damage": [].append}
    for check in (True, False):
        dataset = Dataset(sets["plain"], ID, check=check, **options)
        expected = ids(dataset) + ids(dataset)
        assert len(joined(expected)) == 2 * 97
        for done in range(0, 21, step):
            dataset = Dataset(sets["plain"], ID, check=check, **options)
            found = ids(islice(dataset, done))
            state = dataset.state_dict()
            dataset = Dataset(sets["plain"], ID, check=check, **options)
            dataset.load_state_dict(state)
            while len(found) < len(expected):
                found += ids(dataset)
            assert found[: len(expected)] == expected


def test_damage_is_told_before_what_lies_behind_it(sets):
    damage(sets["plain"][3], offset_of(48) - offset_of(43) + 20)
    for options in ({}, {"workers": 1}, {"check": False}):
        events = []
        with Dataset(
            sets["plain"], ID, batch_size=1, on_damage=events.append, **options
        ) as dataset:
            for batch in dataset:
                events += batch["id"].tolist()
        at = next(place for place, event in enumerate(events) if not isinstance(event, int))
        assert at <= 48


def test_on_damage_may_stop_it(sets):
    class Enough(Exception):
        pass

    def stop(found):
        raise Enough(found.record)

    damage(sets["plain"][3], offset_of(48) - offset_of(43) + 20)
    for workers in (0, 1):
        with pytest.raises(Enough, match="5"):
            list(iter(Dataset(sets["plain"], ID, batch_size=5, workers=workers, on_damage=stop)))


def test_what_is_left_of_a_published_set(published, tmp_path):
    cut(published[1], 3)
    ((batches, told, _), _) = seen_and_told(published, batch_size=5)
    assert joined(batches) == [n for n in range(100) if n != 79]
    assert told == [(published[1], 39, "truncated")]


def test_a_file_that_changes_under_the_dataset(sets):
    dataset = Dataset(sets["plain"], ID, batch_size=5, on_damage=print)
    write(sets["plain"][1], RECORDS[:40])
    with pytest.raises(TFRecordError, match=r"1\.tfrecord: .*(changed|modified|has \d+ bytes)"):
        list(iter(dataset))


def test_a_file_that_goes_under_the_dataset(sets):
    for workers in (0, 1):
        dataset = Dataset(sets["plain"], ID, batch_size=5, workers=workers)
        os.rename(sets["plain"][5], sets["plain"][5] + ".gone")
        with pytest.raises(FileNotFoundError, match=r"5\.tfrecord"):
            list(iter(dataset))
        os.rename(sets["plain"][5] + ".gone", sets["plain"][5])


@pytest.mark.parametrize("options", [{}, {"shuffle": 20}, {"rank": 1, "world_size": 2}])
def test_a_damaged_length_in_a_set_with_a_manifest_is_left_out_by_workers(tmp_path, options):
    """A file that has no index is read from its front, by workers as without them."""
    name = tmp_path / "train"
    with ShardWriter(name, records_per_shard=50) as writer:
        writer.write_many(RECORDS * 2)
    path = writer.manifest.files[2]
    damage(path, int(RecordIndex.build(path).offsets[10]))
    batches, told = [], []
    for workers in (0, 2):
        found = []
        with Dataset(
            name, ID, batch_size=16, workers=workers, on_damage=found.append, **options
        ) as dataset:
            batches.append(ids(dataset))
        told.append(found)
    assert batches[0] == batches[1]
    assert told[0] == told[1] != []
