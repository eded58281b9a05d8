"""ShardWriter: which record goes where, and what is there before, after and instead of close."""

from __future__ import annotations

import errno
import gc
import gzip
import io
import itertools
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frames import frames
from hypothesis import given
from hypothesis import strategies as st

from tfrecord_lite import (
    ExampleError,
    FixedLenFeature,
    RecordBlock,
    RecordReader,
    encode_examples,
    features_from_json,
    read_records,
    write_records,
)
from tfrecord_lite.dataset import shard_writer
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.files import open_shard
from tfrecord_lite.files.manifest import Manifest
from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.storage import is_partial
from tfrecord_lite.thresholds import limits

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gzip": {"compression": "GZIP"},
    "gzip_small_blocks": {"compression": "GZIP", "block_bytes": 40, "level": 1},
    "gzip_one_stream": {"compression": "GZIP", "block_bytes": None},
    "zlib": {"compression": "ZLIB"},
    "fsync": {"fsync": True},
}

# Records of 1 to 7 bytes, so of 17 to 23 with their frames; policy: the records of each shard.
SEVEN = [b"x" * size for size in range(1, 8)]
POLICIES: list[tuple[dict[str, int], list[list[int]]]] = [
    ({}, [[0, 1, 2, 3, 4, 5, 6]]),
    ({"records_per_shard": 1}, [[0], [1], [2], [3], [4], [5], [6]]),
    ({"records_per_shard": 3}, [[0, 1, 2], [3, 4, 5], [6]]),
    ({"records_per_shard": 7}, [[0, 1, 2, 3, 4, 5, 6]]),
    ({"records_per_shard": 100}, [[0, 1, 2, 3, 4, 5, 6]]),
    ({"bytes_per_shard": 1}, [[0], [1], [2], [3], [4], [5], [6]]),
    ({"bytes_per_shard": 17}, [[0], [1], [2], [3], [4], [5], [6]]),
    ({"bytes_per_shard": 18}, [[0, 1], [2], [3], [4], [5], [6]]),
    ({"bytes_per_shard": 35}, [[0, 1], [2, 3], [4, 5], [6]]),
    ({"bytes_per_shard": 36}, [[0, 1, 2], [3, 4], [5, 6]]),
    ({"bytes_per_shard": 140}, [[0, 1, 2, 3, 4, 5, 6]]),
    ({"num_shards": 1}, [[0, 1, 2, 3, 4, 5, 6]]),
    ({"num_shards": 3}, [[0, 3, 6], [1, 4], [2, 5]]),
    ({"num_shards": 9}, [[0], [1], [2], [3], [4], [5], [6], [], []]),
]


def contents(name: str | Path) -> list[list[bytes]]:
    """The records of each shard of a set."""
    return [list(read_records(file)) for file in expand_shards(name)]


@pytest.mark.parametrize("how", OPTIONS)
@pytest.mark.parametrize(("policy", "expected"), POLICIES, ids=repr)
def test_policies(policy: dict, expected: list, how: str, tmp_path: Path) -> None:
    options = OPTIONS[how]
    suffix = ".tfrecord.gz" if options.get("compression") == "GZIP" else ".tfrecord"
    names = [f"a-{i:05d}-of-{len(expected):05d}{suffix}" for i in range(len(expected))]
    with ShardWriter(tmp_path / "a", **policy, **options) as writer:
        for count, record in enumerate(SEVEN, 1):
            writer.write(record)
            assert writer.records == count
            assert all(is_partial(name) for name in os.listdir(tmp_path))
    assert writer.raw_bytes == len(frames(SEVEN))
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "a.manifest.json"])
    assert contents(tmp_path / "a") == [[SEVEN[i] for i in shard] for shard in expected]
    manifest = writer.manifest
    assert manifest == Manifest.load(tmp_path / "a.manifest.json")
    for file, entry, shard in zip(manifest.files, manifest.entries, expected, strict=True):
        data = Path(file).read_bytes()
        assert (entry.size, entry.crc32c) == (len(data), crc32c(data))
        records = [SEVEN[i] for i in shard]
        assert (entry.records, entry.raw_bytes) == (len(records), len(frames(records)))
        write_records(tmp_path / "alone", records, **options)
        assert (tmp_path / "alone").read_bytes() == data


@pytest.mark.parametrize("policy", [policy for policy, _ in POLICIES], ids=repr)
@pytest.mark.parametrize("cuts", [[7], [1, 6], [3, 0, 4], [1] * 7])
def test_blocks_go_where_their_records_would(policy: dict, cuts: list, tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "one_by_one", **policy) as writer:
        writer.write_many(iter(SEVEN))
    framed = next(RecordReader(io.BytesIO(frames(SEVEN))).blocks())
    for name, block in (("framed", framed), ("bare", RecordBlock.from_records(SEVEN))):
        with ShardWriter(tmp_path / name, **policy) as writer:
            for begin, size in zip(itertools.accumulate([0, *cuts]), cuts, strict=False):
                writer.write_many(block[begin : begin + size])
        assert writer.records == 7
        for ours, theirs in zip(
            expand_shards(tmp_path / name), expand_shards(tmp_path / "one_by_one"), strict=True
        ):
            assert Path(ours).read_bytes() == Path(theirs).read_bytes()


@given(
    st.lists(st.binary(max_size=60), max_size=40),
    st.one_of(
        st.just({}),
        st.fixed_dictionaries({"records_per_shard": st.integers(1, 50)}),
        st.fixed_dictionaries({"bytes_per_shard": st.integers(1, 500)}),
        st.fixed_dictionaries({"num_shards": st.integers(1, 12)}),
    ),
    st.sampled_from(sorted(OPTIONS)),
    st.sampled_from(["train", "s{index}.tfrecord", "s_{index:02d}_of_{total}"]),
    st.booleans(),
)
def test_what_goes_in_comes_out(tmp_path_factory, records, policy, how, name, in_blocks) -> None:
    path = tmp_path_factory.mktemp("set") / name
    with ShardWriter(path, **policy, **OPTIONS[how]) as writer:
        writer.write_many(RecordBlock.from_records(records) if in_blocks else records)
    found = contents(path)
    if "num_shards" in policy:
        count = policy["num_shards"]
        assert found == [records[index::count] for index in range(count)]
        # Read in turn, they are in order again.
        turns = itertools.zip_longest(*found)
        assert [record for turn in turns for record in turn if record is not None] == records
    else:
        assert [record for shard in found for record in shard] == records
        assert all(found) or not records
        for shard in found[:-1]:
            if "records_per_shard" in policy:
                assert len(shard) == policy["records_per_shard"]
            else:
                assert len(frames(shard[:-1])) < policy["bytes_per_shard"] <= len(frames(shard))


@pytest.mark.parametrize("how", OPTIONS)
@pytest.mark.parametrize("count", [None, 1, 3])
def test_no_records(how: str, count: int | None, tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a", num_shards=count, **OPTIONS[how]) as writer:
        pass
    assert contents(tmp_path / "a") == [[]] * (count or 1)
    assert (writer.records, writer.raw_bytes) == (0, 0)


def test_the_default_is_128_mib_a_shard(tmp_path: Path, monkeypatch) -> None:
    assert shard_writer.DEFAULT_BYTES_PER_SHARD == 128 << 20
    monkeypatch.setattr(shard_writer, "DEFAULT_BYTES_PER_SHARD", 30)
    with ShardWriter(tmp_path / "a") as writer:
        writer.write_many(SEVEN)
    assert [len(shard) for shard in contents(tmp_path / "a")] == [2, 2, 2, 1]
    # The other policies know no bytes.
    for policy in ({"records_per_shard": 7}, {"num_shards": 1}):
        with ShardWriter(tmp_path / "b", overwrite=True, **policy) as writer:
            writer.write_many(SEVEN)
        assert contents(tmp_path / "b") == [SEVEN]


def test_many_shards_at_once_need_few_files_and_little_memory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(limits, "open_shards", 3)
    monkeypatch.setattr(limits, "gathered_bytes", 400)
    records = [b"%d" % i * 1000 for i in range(1000)]
    for options in OPTIONS.values():
        with ShardWriter(tmp_path / "a", num_shards=40, overwrite=True, **options) as writer:
            for index, record in enumerate(records):
                writer.write(record)
                if index == 500 and not options:
                    # 40 shards of 13 records; all but 256 KiB of them together are on the disk.
                    sizes = [p.stat().st_size for p in tmp_path.glob(".a.*/*.tfrecord-partial")]
                    assert len(sizes) == 40
                    assert writer.raw_bytes - sum(sizes) <= (1 << 18) + 4000
                if index == 500:
                    links = [
                        os.path.join("/proc/self/fd", fd) for fd in os.listdir("/proc/self/fd")
                    ]
                    targets = [os.readlink(link) for link in links if os.path.lexists(link)]
                    # Pipes have numbers, too.
                    assert not any(
                        "0000" in target for target in targets if target.startswith(str(tmp_path))
                    )
        assert contents(tmp_path / "a") == [records[i::40] for i in range(40)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_shards": 2, "records_per_shard": 2}, "records_per_shard and num_shards exclude"),
        ({"bytes_per_shard": 2, "records_per_shard": 2}, "exclude"),
        ({"num_shards": 0}, "num_shards=0 must be at least 1"),
        ({"records_per_shard": -1}, "records_per_shard=-1"),
        ({"bytes_per_shard": 0}, "bytes_per_shard=0"),
        ({"part": -1}, "part=-1"),
        ({"part": 100_000}, "part=100000"),
        ({"part": 0, "overwrite": True}, "publish_shards"),
        ({"compression": "gzip"}, "unknown compression"),
        ({"level": 3}, "level=3"),
        ({"compression": "GZIP", "block_bytes": 0}, "block_bytes=0"),
    ],
)
def test_options_that_are_none(options: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        ShardWriter(tmp_path / "a", **options)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("policy", ["num_shards", "records_per_shard", "bytes_per_shard", "part"])
def test_counts_are_integers(policy: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        ShardWriter(tmp_path / "a", **{policy: 2.0})
    with ShardWriter(tmp_path / "a", **{policy: np.int64(2)}):
        pass


def test_the_folder_is_made(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "data" / "cifar10" / "shard_{index:03d}.tfrecord") as writer:
        writer.write(b"x")
    assert sorted(os.listdir(tmp_path / "data" / "cifar10")) == [
        "shard.manifest.json",
        "shard_000.tfrecord",
    ]


def test_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with ShardWriter("a", overwrite=True) as writer:
            writer.write(b"x")
        assert sorted(os.listdir()) == ["a-00000-of-00001.tfrecord", "a.manifest.json"]


def test_features_are_in_the_manifest(tmp_path: Path) -> None:
    features = {"label": FixedLenFeature([], np.int64)}
    with ShardWriter(tmp_path / "a", features=features) as writer:
        writer.write_many(encode_examples({"label": np.arange(10)}, features))
    manifest = Manifest.load(tmp_path / "a.manifest.json")
    assert manifest.features is not None
    assert features_from_json(manifest.features) == features
    assert manifest.records == 10
    with ShardWriter(tmp_path / "b") as writer:
        pass
    assert Manifest.load(tmp_path / "b.manifest.json").features is None


def test_progress(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with ShardWriter(
        tmp_path / "a",
        records_per_shard=50,
        compression="GZIP",
        block_bytes=200,
        progress=lambda records, raw_bytes: told.append((records, raw_bytes)),
    ) as writer:
        writer.write_many([b"x" * 34] * 120)
    assert told[0] == (4, 200)
    assert told[-1] == (120, 6000)
    assert told == sorted(told)
    assert len(told) > 20


def test_progress_may_stop_the_writer(tmp_path: Path) -> None:
    def stop(records: int, raw_bytes: int) -> None:
        raise KeyboardInterrupt

    writer = ShardWriter(tmp_path / "a", records_per_shard=1, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        writer.write_many([bytes(300_000)] * 2)
    for use in (lambda: writer.write(b"x"), lambda: writer.write_many([b"x"]), writer.close):
        with pytest.raises(KeyboardInterrupt):
            use()
    assert os.listdir(tmp_path) == []


# Rows 30 and 31.


@pytest.mark.parametrize("policy", [{}, {"records_per_shard": 1}, {"num_shards": 2}], ids=repr)
@pytest.mark.parametrize(
    "record",
    [None, 7, "text", [b"a"], memoryview(b"abcd")[::2]],
    ids=lambda record: type(record).__name__,
)
def test_row_31_what_is_no_record_costs_nothing(record, policy: dict, tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a", **policy) as writer:
        writer.write(b"one")
        with pytest.raises(TypeError):
            writer.write(record)
        writer.write(bytearray(b"two"))
        with pytest.raises(TypeError):
            writer.write_many([b"three", record, b"never"])
    records = [record for shard in contents(tmp_path / "a") for record in shard]
    assert sorted(records) == [b"one", b"three", b"two"]
    assert all(contents(tmp_path / "a"))
    assert writer.records == 3


def test_row_30_after_close(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "a")
    writer.write(b"x")
    writer.close()
    writer.close()
    block = RecordBlock.from_records([b"x"])
    for use in (lambda: writer.write(b"x"), lambda: writer.write_many(block)):
        with pytest.raises(ValueError, match="closed ShardWriter"):
            use()
    assert contents(tmp_path / "a") == [[b"x"]]


# What is there before, after and instead of close.


class Stop(Exception):
    pass


@pytest.mark.parametrize("policy", [{}, {"records_per_shard": 1}, {"num_shards": 3}], ids=repr)
@pytest.mark.parametrize("existing", [False, True])
def test_an_exception_publishes_nothing(existing: bool, policy: dict, tmp_path: Path) -> None:
    before = make_old(tmp_path / "a") if existing else {}
    with pytest.raises(Stop), ShardWriter(tmp_path / "a", overwrite=existing, **policy) as writer:
        writer.write_many(SEVEN)
        raise Stop
    assert files_in(tmp_path) == before
    assert set(os.listdir(tmp_path)) == set(before)
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"x")


def test_an_exception_behind_close_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(Stop), ShardWriter(tmp_path / "a") as writer:
        writer.write(b"x")
        writer.close()
        raise Stop
    assert contents(tmp_path / "a") == [[b"x"]]


def make_old(name: Path, **options: Any) -> dict[str, bytes]:
    with ShardWriter(name, records_per_shard=2, **options) as writer:
        writer.write_many([b"old %d" % i for i in range(6)])
    return files_in(name.parent)


def files_in(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, but for the folders of writers that live."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    "present",
    [
        "a.manifest.json",
        "a-00000-of-00001.tfrecord",
        "a-00007-of-00009.tfrecord.gz",
        "a-00007-of-00009",
        "a-123456-of-123457.tfrecord",
    ],
)
def test_an_existing_set_is_refused(present: str, tmp_path: Path) -> None:
    (tmp_path / present).write_bytes(b"precious")
    with pytest.raises(FileExistsError, match=f"{present}: .* overwrite=True"):
        ShardWriter(tmp_path / "a")
    assert files_in(tmp_path) == {present: b"precious"}


def test_names_that_are_another_sets_are_no_matter(tmp_path: Path) -> None:
    others = ["a-1-of-2.tfrecord", "a-00000-of-00001.json", "b-00000-of-00001", "a.tfrecord", "a"]
    others += ["a-00000-of-00001.tfrecord.idx", "ab-00000-of-00001", "a-x-00000-of-00001"]
    for other in others:
        (tmp_path / other).write_bytes(b"precious")
    (tmp_path / "a-00000-of-00002.tfrecord").mkdir()
    with ShardWriter(tmp_path / "a", overwrite=True) as writer:
        writer.write(b"x")
    assert set(others) < set(os.listdir(tmp_path))
    assert all((tmp_path / other).read_bytes() == b"precious" for other in others)


def test_a_set_that_came_up_meanwhile_is_refused_at_close(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "a")
    writer.write(b"late")
    before = make_old(tmp_path / "a")
    with pytest.raises(FileExistsError, match="overwrite"):
        writer.close()
    assert files_in(tmp_path) == before
    assert set(os.listdir(tmp_path)) == set(before)


# name and options of the old set and of the new one.
REPLACED: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "fewer": ("a", {}, "a", {}),
    "more": ("a", {}, "a", {"records_per_shard": 1}),
    "as_many": ("a", {}, "a", {"num_shards": 3}),
    "gzip": ("a", {}, "a", {"compression": "GZIP"}),
    "no_gzip": ("a", {"compression": "GZIP"}, "a", {}),
    "pattern": ("a_{index}.tfrecord", {}, "a_{index}.tfrecord", {"num_shards": 2}),
    "another_pattern": ("a_{index}.tfrecord", {}, "a{index:03d}", {"num_shards": 2}),
    "plain_for_pattern": ("a_{index}.tfrecord", {}, "a", {}),
    "pattern_for_plain": ("a", {}, "a_{index}.tfrecord", {"num_shards": 5}),
}


@pytest.mark.parametrize("how", REPLACED)
def test_overwrite_replaces_the_set_whole(how: str, tmp_path: Path) -> None:
    old_name, old, new_name, new = REPLACED[how]
    before = make_old(tmp_path / old_name, **old)
    (tmp_path / "a.csv").write_bytes(b"precious")
    with ShardWriter(tmp_path / new_name, overwrite=True, **new) as writer:
        # The new set may be made of the old one.
        writer.write_many(read_records(expand_shards(tmp_path / old_name)))
        assert {**before, "a.csv": b"precious"} == files_in(tmp_path)
    manifest = Manifest.load(tmp_path / "a.manifest.json")
    assert manifest == writer.manifest
    shards = [os.path.basename(file) for file in manifest.files]
    assert sorted(os.listdir(tmp_path)) == sorted([*shards, "a.csv", "a.manifest.json"])
    assert expand_shards(tmp_path / "a") == manifest.files
    assert sorted(read_records(manifest.files)) == [b"old %d" % i for i in range(6)]


def test_overwrite_takes_what_no_manifest_has(tmp_path: Path) -> None:
    for name in ("a-00000-of-00002", "a-00001-of-00002", "a-00005-of-00009.tfrecord"):
        write_records(tmp_path / name, [b"old"])
    (tmp_path / "a-00007-of-00009.tfrecord").symlink_to("nowhere")
    (tmp_path / "a.manifest.json").write_bytes(b"{}")
    with ShardWriter(tmp_path / "a", overwrite=True) as writer:
        writer.write(b"new")
    assert sorted(os.listdir(tmp_path)) == ["a-00000-of-00001.tfrecord", "a.manifest.json"]
    assert contents(tmp_path / "a") == [[b"new"]]


def test_overwrite_takes_nothing_that_only_a_manifest_claims(tmp_path: Path) -> None:
    make_old(tmp_path / "a")
    manifest = tmp_path / "a.manifest.json"
    (tmp_path / "thesis.tex").write_bytes(b"precious")
    manifest.write_text(manifest.read_text().replace("a-00001-of-00003.tfrecord", "thesis.tex"))
    with ShardWriter(tmp_path / "a", overwrite=True) as writer:
        writer.write(b"new")
    assert (tmp_path / "thesis.tex").read_bytes() == b"precious"
    assert contents(tmp_path / "a") == [[b"new"]]
    assert len(os.listdir(tmp_path)) == 3


def test_a_folder_called_like_a_shard_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a-00000-of-00001.tfrecord").mkdir()
    (tmp_path / "a-00000-of-00001.tfrecord" / "thesis.tex").touch()
    old = tmp_path / "a-00000-of-00003.tfrecord"
    write_records(old, [b"old"])
    before = old.read_bytes()
    writer = ShardWriter(tmp_path / "a", overwrite=True)
    writer.write(b"x")
    with pytest.raises(FileExistsError, match="a-00000-of-00001"):
        writer.close()
    assert (tmp_path / "a-00000-of-00001.tfrecord" / "thesis.tex").exists()
    assert old.read_bytes() == before
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize("existing", [False, True])
def test_whatever_fails_while_publishing_leaves_what_was_there(
    existing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make_old(tmp_path / "a") if existing else {}
    rename = os.rename
    failures = 0
    for nth in itertools.count(1):
        calls = itertools.count(1)

        def fail(source: str, target: str, nth=nth, calls=calls) -> None:
            if next(calls) == nth:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            rename(source, target)

        monkeypatch.setattr(os, "rename", fail)
        writer = ShardWriter(tmp_path / "a", records_per_shard=2, overwrite=existing)
        writer.write_many(SEVEN)
        try:
            writer.close()
        except OSError as error:
            assert error.errno == errno.EIO
            assert files_in(tmp_path) == before
            assert set(os.listdir(tmp_path)) == set(before)
            failures += 1
        else:
            break
    assert failures == (4 + 1 + 3 + 1 if existing else 4 + 1)
    assert len(contents(tmp_path / "a")) == 4


def test_a_file_system_that_fails_for_good_loses_nothing(tmp_path: Path, monkeypatch) -> None:
    before = make_old(tmp_path / "a")
    rename = os.rename
    for nth in range(1, 9):
        calls = itertools.count(1)

        def fail(source: str, target: str, nth=nth, calls=calls) -> None:
            if next(calls) >= nth:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            rename(source, target)

        writer = ShardWriter(tmp_path / "a", records_per_shard=2, overwrite=True)
        writer.write_many(SEVEN)
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", fail)
            with pytest.raises(OSError, match="Input/output"):
                writer.close()
        assert nth == 1 or not os.path.exists(tmp_path / "a.manifest.json")
        # It is settled by the next to come, as soon as that can be.
        with pytest.raises(FileExistsError):
            ShardWriter(tmp_path / "a")
        assert files_in(tmp_path) == before
        assert set(os.listdir(tmp_path)) == set(before)


# Rows 25, 29 and 36.


@pytest.mark.parametrize("policy", [{"records_per_shard": 2}, {"num_shards": 3}], ids=repr)
@pytest.mark.parametrize("in_blocks", [False, True])
def test_row_25_the_nth_write_fails(
    in_blocks: bool, policy: dict, tmp_path: Path, monkeypatch, injected
):
    monkeypatch.setattr(limits, "gathered_bytes", 90)
    before = make_old(tmp_path / "a")
    write = open_shard._CountedFile.write
    for nth in itertools.count(1):
        calls = itertools.count(1)

        def fail(self, data, nth=nth, calls=calls) -> int | None:
            if next(calls) == nth:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(self, data)

        monkeypatch.setattr(open_shard._CountedFile, "write", fail)
        writer = ShardWriter(tmp_path / "a", overwrite=True, **policy)
        try:
            writer.write_many(RecordBlock.from_records(SEVEN) if in_blocks else SEVEN)
            writer.close()
        except OSError as caught:
            assert caught.errno == errno.ENOSPC
            if not writer._closed:
                for use in (lambda: writer.write(b"x"), lambda: writer.write_many(SEVEN)):
                    with pytest.raises(OSError, match="No space") as again:
                        use()
                    assert again.value is caught
                with pytest.raises(OSError, match="No space"):
                    writer.close()
            writer.close()
            assert files_in(tmp_path) == before
            assert set(os.listdir(tmp_path)) == set(before)
        else:
            break
    assert nth > 3
    assert sorted(read_records(expand_shards(tmp_path / "a"))) == SEVEN
    injected(nth - 1)


def test_row_25_a_full_disk(tmp_path: Path) -> None:
    program = """
import errno, resource, signal, sys
from tfrecord_lite.dataset.shard_writer import ShardWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    with ShardWriter(sys.argv[1]) as writer:
        for _ in range(100):
            writer.write(bytes(100_000))
except OSError as error:
    assert error.errno == errno.EFBIG
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", program, tmp_path / "a"], check=True)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory|File exists"):
        ShardWriter(tmp_path / "file" / "a")


def test_a_shard_that_cannot_be_opened_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    opened = itertools.count()

    def fail(*args: Any, **options: Any) -> open_shard._CountedFile:
        if next(opened) == 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return counted(*args, **options)

    counted = open_shard._CountedFile
    monkeypatch.setattr(open_shard, "_CountedFile", fail)
    with pytest.raises(OSError, match="Too many"):
        ShardWriter(tmp_path / "a", num_shards=4)
    assert os.listdir(tmp_path) == []


def test_row_26_fsync_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, injected) -> None:
    fsync = os.fsync
    for nth in itertools.count(1):
        calls = itertools.count(1)

        def fail(handle: int, nth=nth, calls=calls) -> None:
            if next(calls) == nth:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            fsync(handle)

        monkeypatch.setattr(os, "fsync", fail)
        writer = ShardWriter(tmp_path / "a", num_shards=2, fsync=True)
        writer.write(b"x")
        try:
            writer.close()
        except OSError as error:
            assert error.errno == errno.EIO
        else:
            break
        assert os.listdir(tmp_path) == []
    # Two shards, the manifest and its folder, the journal and its; all names, the last name.
    assert nth - 1 == 2 + 2 + 2 + 1 + 1
    injected(nth - 1)


def test_row_29_never_closed(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "a", num_shards=2)
    writer.write(b"x")
    folder = writer._staging.path("")
    # Python may warn of the files, too, by the order in which it finds what nobody uses.
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del writer
        gc.collect()
    assert any(
        re.search("never closed.*tfrecord-partial", str(warning.message))
        and warning.category is ResourceWarning
        for warning in told
    )
    assert list(read_records(os.path.join(folder, "00000.tfrecord-partial"))) == [b"x"]
    with ShardWriter(tmp_path / "a") as writer:
        writer.write(b"again")
    assert len(os.listdir(tmp_path)) == 2


def in_a_child(work) -> int:
    """What the function returns in a forked child: a number below 256."""
    child = os.fork()
    if not child:
        code = 255
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("policy", [{"records_per_shard": 3}, {"num_shards": 2}], ids=repr)
def test_row_36_a_forked_child_touches_nothing(policy: dict, tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "a", **policy)
    writer.write(b"one")

    def close() -> int:
        for _ in range(2):
            with pytest.raises(ValueError, match="write parts"):
                writer.close()
        return 7

    def leave() -> int:
        writer.__exit__(Stop, Stop(), None)
        return 8

    def collect() -> int:
        nonlocal writer
        del writer
        gc.collect()
        return 9

    def write_on() -> int:
        for record in (b"x", bytes(2_000_000)):
            with pytest.raises(ValueError, match="write parts"):
                writer.write(record)
        for records in ([], [b"x"], RecordBlock.from_records([b"x"])):
            with pytest.raises(ValueError, match="write parts"):
                writer.write_many(records)
        return 10

    def enter() -> int:
        with pytest.raises(ValueError, match="write parts"), writer:
            return 12
        return 11

    children = [close, leave, collect, write_on, enter]
    assert [in_a_child(child) for child in children] == [7, 8, 9, 10, 11]
    writer.write(b"two")
    writer.close()
    assert sorted(read_records(expand_shards(tmp_path / "a"))) == [b"one", b"two"]


# Several writers of one name.


def test_row_34_the_first_to_close_has_the_name(tmp_path: Path) -> None:
    writers = [ShardWriter(tmp_path / "a") for _ in range(3)]
    for index, writer in enumerate(writers):
        writer.write(b"%d" % index)
    writers[1].close()
    for writer in (writers[0], writers[2]):
        with pytest.raises(FileExistsError):
            writer.close()
    assert contents(tmp_path / "a") == [[b"1"]]
    assert len(os.listdir(tmp_path)) == 2


def test_row_34_with_overwrite_the_last_to_close_has_it(tmp_path: Path) -> None:
    writers = [ShardWriter(tmp_path / "a", overwrite=True) for _ in range(3)]
    for index, writer in enumerate(writers):
        writer.write(b"%d" % index)
    for index in (1, 2, 0):
        writers[index].close()
        assert contents(tmp_path / "a") == [[b"%d" % index]]
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.tensorflow
@pytest.mark.parametrize("how", ["plain", "gzip", "gzip_small_blocks", "zlib"])
@pytest.mark.parametrize("policy", [{"records_per_shard": 3}, {"num_shards": 9}], ids=repr)
def test_tensorflow_reads_the_shards(how: str, policy: dict, tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    with ShardWriter(tmp_path / "a", **policy, **OPTIONS[how]) as writer:
        writer.write_many(SEVEN)
    codec = OPTIONS[how].get("compression", "")
    for file, records in zip(expand_shards(tmp_path / "a"), contents(tmp_path / "a"), strict=True):
        found = tf.data.TFRecordDataset(file, compression_type=codec).as_numpy_iterator()
        assert list(found) == records
    if codec == "GZIP":
        assert gzip.decompress(Path(expand_shards(tmp_path / "a")[0]).read_bytes())


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a", None), ("a.gz", None), ("a-{index}.tfrecord", None), ("a-{index}.gz", "GZIP")],
)
def test_compression_by_the_names_of_the_shards(tmp_path, name, codec):
    with ShardWriter(tmp_path / name, num_shards=2) as writer:
        writer.write_many([b"a", b"b"])
    assert writer.manifest.compression == codec
    with ShardWriter(tmp_path / name, num_shards=2, compression="ZLIB", overwrite=True) as writer:
        writer.write_many([b"a", b"b"])
    assert writer.manifest.compression == "ZLIB"


def test_the_process_may_go_to_another_directory(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with ShardWriter("train", num_shards=2) as writer:
        writer.write(b"one")
        os.chdir("other")
        writer.write(b"two")
    assert writer.manifest.path == str(tmp_path / "train.manifest.json")
    assert list(read_records(tmp_path / "train")) == [b"one", b"two"]
    assert os.listdir(".") == []


def test_a_set_that_is_not_written_leaves_no_folder(tmp_path):
    """Only folders that are new, and that nobody has put anything into."""

    def fail(name, *, meanwhile=None):
        with pytest.raises(ExampleError), ShardWriter(name, num_shards=2) as writer:
            writer.write(b"one")
            if meanwhile is not None:
                meanwhile.write_bytes(b"")
            writer.write_example({"x": [1, b""]})

    fail(tmp_path / "new" / "below" / "train")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="records_per_shard"):
        ShardWriter(tmp_path / "new" / "train", num_shards=2, records_per_shard=3)
    for name in ("x" * 250, "x" * 300 + "/train"):
        with pytest.raises(OSError, match="too long"):
            ShardWriter(tmp_path / "new" / name)
    assert not list(tmp_path.iterdir())
    (tmp_path / "old").mkdir()
    fail(tmp_path / "old" / "train")
    fail(tmp_path / "new" / "below" / "train", meanwhile=tmp_path / "new" / "mine")
    assert sorted(map(str, tmp_path.rglob("*"))) == [
        str(tmp_path / name) for name in ("new", "new/mine", "old")
    ]


@pytest.mark.parametrize("part", [None, 3])
def test_a_name_that_is_too_long_is_told_as_it_was_given(tmp_path, part):
    """Not that of a file which is nobody's to know."""
    for length in (215, 230, 250):
        name = tmp_path / ("x" * length)
        try:
            with ShardWriter(name, part=part) as writer:
                writer.write(b"one")
        except OSError as error:
            assert (error.errno, error.filename) == (errno.ENAMETOOLONG, str(name))
        else:
            assert length == 215
            continue
        assert length > 215 or part is not None
