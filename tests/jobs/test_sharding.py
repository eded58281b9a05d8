"""`jobs.shard`: records chosen, dealt among sets, and shuffled."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from faulty_disk import every_failure
from frames import frame
from job_sets import RECORDS, N, of_set, row, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import shard
from tfrecord_lite.jobs.choosing import dealt, random_keys
from tfrecord_lite.jobs.copying import picked
from tfrecord_lite.jobs.shuffling import Tagged, shuffled
from tfrecord_lite.records.framing import RecordBlock, fill_frames
from tfrecord_lite.thresholds import limits, thresholds


def labels(name, feature="image/id"):
    return [int(tfr.decode_example(record)[feature][0]) for record in of_set(name)]


def values(sets):
    return {found.value: labels(found.name) for found in sets}


def test_a_set_as_it_is(train, tmp_path):
    seen = []
    (found,) = shard(train, tmp_path / "new", num_shards=1, progress=lambda *at: seen.append(at))
    assert (found.name, found.value) == (str(tmp_path / "new"), None)
    assert found.manifest.records == N
    assert of_set(tmp_path / "new") == RECORDS
    assert dict(seen) == {str(file): file.stat().st_size for file in train.parent.glob("*d")}


def test_progress_of_each_pass(train, tmp_path):
    sizes = {str(file): file.stat().st_size for file in train.parent.glob("*d")}
    seen = []
    name = str(tmp_path / "new")
    shard(train, name, shuffle=3, progress=lambda *at: seen.append(at))
    assert list(dict(seen)) == [*sorted(sizes), name]
    assert dict(seen) == {**sizes, name: sum(map(len, RECORDS))}
    of_second = [done for path, done in seen if path == name]
    assert of_second == sorted(of_second)
    seen.clear()
    where = "`image/id` >= 0"
    shard(train, tmp_path / "some", where=where, sample=3, progress=lambda *at: seen.append(at))
    whole = [at for at in seen if at in sizes.items()]
    assert whole == sorted(sizes.items()) * 2


@pytest.mark.parametrize("bytes_at_once", [limits.shuffled_bytes, 3000, 300, 1])
def test_shuffled(train, tmp_path, monkeypatch, bytes_at_once):
    """The order is that of the seed, however much is put in order at once; nothing is left."""
    shard(train, tmp_path / "expected", shuffle=7)
    monkeypatch.setattr(limits, "shuffled_bytes", bytes_at_once)
    shard(train, tmp_path / "new", shuffle=7)
    order = labels(tmp_path / "new")
    assert order == labels(tmp_path / "expected")
    assert sorted(order) == list(range(N)) != order
    assert sorted(of_set(tmp_path / "new")) == sorted(RECORDS)
    shard(train, tmp_path / "other", shuffle=8)
    assert labels(tmp_path / "other") != order
    assert not [name for name in tree(tmp_path) if "partial" in name or "bucket" in name]


@pytest.mark.parametrize("copied_together", [1, 1 << 40])
@pytest.mark.parametrize("framed", [False, True])
def test_picked_records(monkeypatch, copied_together, framed):
    """They have the frames that they had, or space for frames."""
    monkeypatch.setattr(thresholds, "copied_together", copied_together)
    monkeypatch.setattr(thresholds, "large_copied_together", copied_together)
    records = [bytes([n]) * (n % 5 * 7 % 11) for n in range(200)] + [b"x" * 5000, b"y" * 5000]
    data = np.frombuffer(b"".join(map(frame, records)), np.uint8)
    sizes = np.array([len(record) + 16 for record in records])
    block = RecordBlock(data, np.cumsum(sizes) - sizes + 12, sizes - 16)
    block.has_frames = framed
    for order in (np.arange(202)[::-1], np.arange(0, 202, 3), np.array([5]), np.arange(0)):
        found = picked(block, order)
        assert list(found) == [records[number] for number in order]
        expected = b"".join(frame(records[number]) for number in order)
        if len(order):
            assert found.has_space
            if framed:
                assert found.buffer[4:-12].tobytes() == expected
            assert bytes(fill_frames(found)) == expected


@pytest.mark.parametrize("bytes_at_once", [1, 1 << 20])
@pytest.mark.parametrize("harm", ["other", "cut"])
def test_a_disk_that_does_not_keep_what_it_was_given(tmp_path, monkeypatch, bytes_at_once, harm):
    monkeypatch.setattr(limits, "shuffled_bytes", bytes_at_once)
    # So that it is not read before the harm is done.
    monkeypatch.setattr("tfrecord_lite.jobs.shuffling.read_ahead", lambda items: items)
    block = RecordBlock.from_records(RECORDS)
    keys = random_keys(1, np.arange(N), 0)
    parts = shuffled([Tagged(block, keys, np.zeros(N, np.int64))], str(tmp_path), 1)
    next(parts)
    bucket = max(path for path in tmp_path.glob("bucket-00?.*") if path.suffix != ".tags")
    data = bytearray(bucket.read_bytes())
    data[9] ^= 1
    bucket.write_bytes(data if harm == "other" else data[:-1])
    with pytest.raises(tfr.CorruptRecordError, match=f"{bucket}.* is not what was written"):
        list(parts)


def test_a_temporary_file_that_cannot_be_removed_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("tfrecord_lite.jobs.shuffling.read_ahead", lambda items: items)
    keys = random_keys(1, np.arange(N), 0)
    block = RecordBlock.from_records(RECORDS)
    parts = shuffled([Tagged(block, keys, np.zeros(N, np.int64))], str(tmp_path), 1)
    next(parts)
    # It has been read, and is removed by another thread.
    bucket = min(path for path in tmp_path.glob("bucket-00?.*") if path.suffix != ".tags")
    bucket.unlink()
    with pytest.raises(FileNotFoundError, match=bucket.name):
        list(parts)


def test_the_order_is_that_of_the_records_and_not_of_the_files(train, tmp_path):
    tfr.write_records(tmp_path / "one.gz", RECORDS)
    for name, src in (("a", train), ("b", tmp_path / "one.gz")):
        shard(src, tmp_path / name, shuffle=3, split={"x": 0.5, "y": 0.5})
    for part in "xy":
        assert labels(tmp_path / f"a-{part}") == labels(tmp_path / f"b-{part}")
    assert tfr.Manifest.load(tmp_path / "b-x.manifest.json").compression == "GZIP"


@pytest.mark.parametrize("source", [None, "GZIP", "ZLIB"])
@pytest.mark.parametrize("end", [".gz", ".tfrecord.gz", ".tfrecord", ".GZ"])
@pytest.mark.parametrize("asked", ["auto", "infer", None, "GZIP", "ZLIB"])
def test_a_pattern_that_ends_in_gz_is_gzip(tmp_path, source, end, asked):
    """The name that results comes before the compression of the source, as for all writers."""
    src, name = tmp_path / "src", tmp_path / f"s-{{index:02d}}{end}"
    tfr.write_records(src, RECORDS, compression=source)
    (found,) = shard(src, name, write_compression=asked, num_shards=2)
    with tfr.ShardWriter(f"{tmp_path}/other-{{index}}{end}") as writer:
        writer.write_many(RECORDS)
    by_name = writer.manifest.compression
    expected = {"auto": by_name or source, "infer": by_name}.get(asked, asked)
    assert found.manifest.compression == expected
    for index in range(2):
        with tfr.RecordReader(tmp_path / f"s-{index:02d}{end}") as reader:
            assert reader.compression == expected
    assert sorted(of_set(tmp_path / f"s-0?{end}")) == sorted(RECORDS)


def test_every_order_is_as_likely():
    firsts = Counter(int(np.argmin(random_keys(seed, np.arange(4), 0))) for seed in range(2000))
    assert all(400 < firsts[number] < 600 for number in range(4))
    assert len(set(random_keys(1, np.arange(10_000), 0).tolist())) == 10_000


def test_large_records_and_none(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "shuffled_bytes", 1 << 16)
    records = [bytes([number]) * (number * 20_000) for number in range(20)]
    tfr.write_records(tmp_path / "a", records)
    shard(tmp_path / "a", tmp_path / "new", shuffle=1)
    assert sorted(of_set(tmp_path / "new")) == records
    tfr.write_records(tmp_path / "empty", [])
    shard(tmp_path / "empty", tmp_path / "none", shuffle=1)
    assert of_set(tmp_path / "none") == []


def test_where(train, tmp_path):
    shard(train, tmp_path / "a", where="label > 6 and 'dog' in words")
    expected = [n for n in range(N) if n % 10 > 6 and n % 3 == 2]
    assert labels(tmp_path / "a") == expected
    assert of_set(tmp_path / "a") == [RECORDS[n] for n in expected]
    shard(train, tmp_path / "b", where="`image/id` < 20 and name != 'öl'")
    assert labels(tmp_path / "b") == [n for n in range(20) if n % 4 != 3]
    shard(train, tmp_path / "c", where="words is None")
    assert labels(tmp_path / "c") == list(range(0, N, 3))


def test_sample(train, tmp_path):
    for name, options in {
        "a": {},
        "b": {"on_damage": [].append},
        "c": {"where": "label >= 0"},
    }.items():
        shard(train, tmp_path / name, sample=12, seed=3, **options)
    assert len(set(labels(tmp_path / "a"))) == 12
    assert labels(tmp_path / "a") == labels(tmp_path / "b") == labels(tmp_path / "c")
    assert labels(tmp_path / "a") == sorted(labels(tmp_path / "a"))
    shard(train, tmp_path / "d", sample=12, seed=4)
    assert labels(tmp_path / "d") != labels(tmp_path / "a")
    shard(train, tmp_path / "e", sample=12, where="label == 3", shuffle=1)
    assert sorted(labels(tmp_path / "e")) == list(range(3, N, 10)) != labels(tmp_path / "e")
    # A sample of no records is a set of none.
    (empty,) = shard(train, tmp_path / "f", sample=12, where="label > 99")
    assert empty.manifest.records == 0
    assert labels(tmp_path / "f") == []


def test_split(train, tmp_path):
    split = {"train": 0.8, "val": 0.1, "test": 0.1}
    found = values(shard(train, tmp_path / "a", split=split))
    assert list(found) == list(split)
    assert sorted(chain(*found.values())) == list(range(N))
    assert all(part == sorted(part) for part in found.values())
    assert found == values(shard(train, tmp_path / "b", split=split))
    assert found != values(shard(train, tmp_path / "c", split=split, seed=1))
    mixed = values(shard(train, tmp_path / "d", split=split, shuffle=1))
    assert {name: sorted(part) for name, part in mixed.items()} == found != mixed


def test_shares_are_exact():
    for shares in ([0.9, 0.1], [1 / 3] * 3, [0.995, 0.005], [0.5, 0.25, 0.25]):
        numbers = np.arange(10_000)
        whole = dealt(shares, 5, numbers, 1)
        assert np.bincount(whole).tolist() == pytest.approx(
            [10_000 * share for share in shares], abs=1
        )
        parts = [dealt(shares, 5, numbers[begin : begin + 77], 1) for begin in range(0, 10_000, 77)]
        assert np.concatenate(parts).tolist() == whole.tolist()


def test_by(train, tmp_path):
    found = shard(train, tmp_path / "a", by="label", shuffle=1)
    assert {one.value for one in found} == set(range(10))
    for one in found:
        assert one.name == f"{tmp_path}/a-{one.value}"
        assert set(labels(one.name, "label")) == {one.value}
    assert sum(one.manifest.records for one in found) == N
    named = shard(train, tmp_path / "b", by="name", where="words is not None")
    assert [(one.value.decode(), os.path.basename(one.name)) for one in named] == [
        ("dog", "b-dog"),
        ("Eule", "b-Eule"),
        ("cat", "b-cat"),
        ("öl", "b-value00003"),
    ]


def test_names_that_are_none_or_taken(tmp_path):
    given = ["a", "A", "value00003", "../x", "", "x" * 200, "-5", "a-00000-of-00001", "a\nb", ".b"]
    given += ["a.tfrecord", "a.gz", "value00004", "con/aux", "a@2"]
    tfr.write_examples(tmp_path / "src", {"name": given})
    (tmp_path / "out").mkdir()
    found = shard(tmp_path / "src", tmp_path / "out" / "s", by="name")
    assert [one.value.decode() for one in found] == given
    names = [os.path.basename(one.name) for one in found]
    assert names[0] == "s-a"
    assert names[2] == "s-value00003"
    assert len({name.lower() for name in names}) == len(given)
    for one in found:
        assert os.path.dirname(one.name) == str(tmp_path / "out")
        assert [tfr.decode_example(r)["name"] for r in of_set(one.name)] == [[one.value]]


def test_a_new_folder_and_what_one_that_was_killed_left(train, tmp_path):
    shard(train, tmp_path / "new" / "a", by="label", shuffle=1)
    left = tmp_path / "new" / ".b.0123abcd.tfrecord-partial"
    left.mkdir()
    (left / "bucket-000.tfrecord-partial").write_bytes(b"x")
    shard(train, tmp_path / "new" / "b", by="label", shuffle=1)
    assert not [name for name in tree(tmp_path) if "partial" in name]


def test_more_values_than_sets(train, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "sets_at_once", 9)
    before = tree(tmp_path)
    with pytest.raises(tfr.ExampleError, match="record 9 at .* 'label' has more than 9 values"):
        shard(train, tmp_path / "a", by="label")
    assert tree(tmp_path) == before


def test_without_manifests(train, tmp_path):
    shard(train, tmp_path / "a", split={"x": 0.5, "y": 0.5}, manifest=False, overwrite=True)
    names = [path.name for path in tmp_path.glob("a*")]
    assert sorted(names) == ["a-x-00000-of-00001.tfrecord", "a-y-00000-of-00001.tfrecord"]


def test_features_of_the_manifest(train, tmp_path):
    features = {"label": tfr.FixedLenFeature([], np.int64)}
    shard(train, tmp_path / "a", features={"label": int})
    shard(tmp_path / "a", tmp_path / "b", where="label == 1", split={"x": 1.0})
    for name in ("a", "b-x"):
        manifest = tfr.Manifest.load(f"{tmp_path}/{name}.manifest.json")
        assert manifest.features is not None
        assert tfr.features_from_json(manifest.features) == features


def test_features_by_their_names(train, tmp_path):
    """Kind and count are those of the source's manifest, or else of its first records."""
    shard(train, tmp_path / "a", features=["words", "label"], where="label > 3", by="label")
    manifest = tfr.Manifest.load(tmp_path / "a-5.manifest.json")
    inferred = tfr.infer_features(RECORDS)
    found = tfr.features_from_json(manifest.features)
    assert list(found.items()) == [(name, inferred[name]) for name in ("words", "label")]
    given = {"label": tfr.VarLenFeature(np.int64), "words": tfr.RaggedFeature(bytes)}
    shard(train, tmp_path / "b", features=given)
    (found,) = shard(tmp_path / "b", tmp_path / "c", features=("label",))
    assert tfr.features_from_json(found.manifest.features) == {"label": given["label"]}
    before = tree(tmp_path)
    with pytest.raises(ValueError, match="'nothing' is not among those that were found"):
        shard(train, tmp_path / "d", features=["nothing"])
    assert tree(tmp_path) == before


def test_an_expression_over_sequences(tmp_path):
    record = tfr.encode_sequence_example({"a": 1}, {"b": [[1]]})
    tfr.write_records(tmp_path / "a", [record])
    with pytest.raises(ValueError, match="SequenceExamples"):
        shard(tmp_path / "a", tmp_path / "b", where="a == 1")
    shard(tmp_path / "a", tmp_path / "b", shuffle=1)
    assert of_set(tmp_path / "b") == [record]


def test_a_stream(tmp_path):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    data = (tmp_path / "x").write_bytes
    tfr.write_records(tmp_path / "x", RECORDS)
    assert data
    shard(Pipe((tmp_path / "x").read_bytes()), tmp_path / "a", shuffle=7)
    shard(tmp_path / "x", tmp_path / "b", shuffle=7)
    assert of_set(tmp_path / "a") == of_set(tmp_path / "b")


def test_damage(train, tmp_path):
    file = sorted(train.parent.glob("*.tfrecord"))[1]
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(data)
    before = tree(tmp_path)
    with pytest.raises(tfr.CorruptRecordError, match=f"{file}: record 0"):
        shard(train, tmp_path / "a", shuffle=1, split={"x": 0.5, "y": 0.5})
    assert tree(tmp_path) == before
    found: list[tfr.Damage] = []
    shard(train, tmp_path / "a", shuffle=1, sample=100, on_damage=found.append)
    assert [(damage.path, damage.record) for damage in found] == [(str(file), 0)]
    assert sorted(labels(tmp_path / "a")) == [n for n in range(N) if n != 13]


def test_sets_of_these_names(train, tmp_path):
    (tmp_path / "out").mkdir()
    shard(train, tmp_path / "out" / "a-y", where="label == 1")
    before = tree(tmp_path)
    split = {"x": 0.5, "y": 0.5}
    with pytest.raises(FileExistsError, match="a-y"):
        shard(train, tmp_path / "out" / "a", split=split)
    assert tree(tmp_path) == before
    shard(train, tmp_path / "out" / "a", split=split, overwrite=True)
    assert len(of_set(tmp_path / "out" / "a-x")) == len(of_set(tmp_path / "out" / "a-y")) == 25


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_disk_that_fails_leaves_no_half_of_it(train, tmp_path, overwrite):
    """All sets are there or none; where they replace others, each is the old one or the new one."""
    out = tmp_path / "out"
    out.mkdir()
    split = {"x": 0.5, "y": 0.5}
    if overwrite:
        shard(train, out / "a", split=split)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for disk in every_failure(out, "open write close rename mkdir", error=errno.ENOSPC, least=10):
        for path in out.iterdir():
            path.unlink()
        for name, data in before.items():
            (out / name).write_bytes(data)
        try:
            with disk:
                shard(train, out / "a", split=split, shuffle=2, overwrite=overwrite)
        except OSError as error:
            assert error.errno == errno.ENOSPC
        if overwrite:
            for part in split:
                assert len(of_set(out / f"a-{part}")) == 25
        elif disk.failed and not (out / "a-x.manifest.json").exists():
            assert tree(out) == []
        else:
            assert sorted(labels(out / "a-x") + labels(out / "a-y")) == list(range(N))
        assert not [name for name in tree(out) if "partial" in name]


def test_a_full_disk_is_told_with_the_file(train, tmp_path):
    """That is a temporary one, where a shuffle fills the disk."""
    out = tmp_path / "out"
    out.mkdir()
    for disk in every_failure(out, "write", error=errno.ENOSPC, least=5):
        try:
            with disk:
                shard(train, out / "a", shuffle=2, overwrite=True)
        except OSError as error:
            assert str(error.filename).startswith(str(out))


@pytest.mark.parametrize("bytes_at_once", [limits.shuffled_bytes, 300])
def test_an_interrupt_leaves_nothing(train, tmp_path, monkeypatch, bytes_at_once):
    """Whichever pass it comes in; nor do threads go on that deal records out, or put in order."""
    monkeypatch.setattr(limits, "shuffled_bytes", bytes_at_once)
    out = tmp_path / "out"
    out.mkdir()
    calls = 0
    for last in chain(range(1, 20), range(20, 1 << 30, 10)):
        calls = 0

        def progress(*_):
            nonlocal calls
            calls += 1
            if calls == last:
                raise KeyboardInterrupt

        try:
            shard(train, out / "a", shuffle=2, progress=progress)
        except KeyboardInterrupt:
            assert tree(out) == []
            names = [thread.name for thread in threading.enumerate()]
            assert not [name for name in names if name.startswith("tfrecord_lite")]
        else:
            break
    assert calls >= 3
    assert sorted(labels(out / "a")) == list(range(N))


def test_a_set_in_place_of_itself(train):
    shard(train, train, shuffle=1, overwrite=True)
    assert sorted(of_set(train)) == sorted(RECORDS)
    assert row(3)["label"] == 3
    assert Path(f"{train}.manifest.json").exists()
