"""Names that are made up beside those of the caller: none is that of another file or set."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from tfrecord_lite import (
    RecordIndex,
    RecordWriter,
    ShardWriter,
    expand_shards,
    publish_shards,
    read_records,
    write_records,
)
from tfrecord_lite.files.staging import Journal, Staging

# Each looks like what is made up beside one of the others.
SETS = [
    "a",
    "a.part-00001",
    "a.0123abcd",
    "a.0123abcd.part-00001",
    "a.publishing",
    "a.manifest.json.b",
    "a.index",
    "a-00000-of-00002",
    "a.tfrecord-partial",
    "a.0123abcd.tfrecord-partial",
    "a.publishing.tfrecord-partial",
]


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(SETS, 2)), ids=str)
def test_sets_named_like_parts(one: str, other: str, tmp_path: Path) -> None:
    for part in range(2):
        with ShardWriter(tmp_path / one, part=part) as writer:
            writer.write(b"part %d" % part)
    living = ShardWriter(tmp_path / one)
    for part in (None, 0, 1):
        with ShardWriter(tmp_path / other, part=part) as writer:
            writer.write(b"another")
    living.write(b"alive")
    living.__exit__(KeyError, KeyError(), None)
    assert list(read_records(publish_shards(tmp_path / one, 2).files)) == [b"part 0", b"part 1"]
    assert list(read_records(expand_shards(tmp_path / other))) == [b"another"]
    assert publish_shards(tmp_path / other, 2, overwrite=True).records == 2
    assert list(read_records(expand_shards(tmp_path / one))) == [b"part 0", b"part 1"]


def test_names_of_one_set_are_never_those_of_another(tmp_path: Path, monkeypatch) -> None:
    """Even if the random digits are alike: what is made up is told apart by its end."""
    monkeypatch.setattr(os, "urandom", lambda size: bytes.fromhex("0123abcd")[:size])
    names = []
    for name in SETS:
        for part in (None, 0, 1):
            staging = Staging(str(tmp_path), name, part)
            names.append(staging.name)
            staging.release()
        with Journal(str(tmp_path), name):
            (journal,) = set(os.listdir(tmp_path)) - set(names)
        names.append(journal)
    assert len(set(names)) == len(names) == 4 * len(SETS)
    for name in names:
        for refused in (name, name.upper()):
            for options in ({}, {"atomic": False}, {"mode": "a"}, {"mode": "x"}):
                with pytest.raises(ValueError, match="choose another"):
                    RecordWriter(tmp_path / "new" / refused, **options)
        with pytest.raises(ValueError, match="choose another"):
            RecordIndex.build(_file(tmp_path)).save(tmp_path / "new" / name)
        for pattern in (name, "{index}" + name):
            with pytest.raises(ValueError, match="as not being data"):
                ShardWriter(tmp_path / pattern)


def test_a_set_is_not_named_like_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leave it out"):
        ShardWriter(tmp_path / "a.manifest.json")


def _file(folder: Path) -> Path:
    write_records(folder / "file", [b"x"])
    return folder / "file"


def test_an_index_replaces_no_file_that_is_none(tmp_path: Path) -> None:
    write_records(tmp_path / "file.index", [b"data"])
    with pytest.raises(FileExistsError, match="not an index"):
        RecordIndex.build(_file(tmp_path)).save()
    assert list(read_records(tmp_path / "file.index")) == [b"data"]


def test_a_pattern_replaces_no_shards_of_another_set(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a", num_shards=2) as writer:
        writer.write_many([b"one", b"two"])
    pattern = tmp_path / "a-0000{index}-of-00002.tfrecord"
    with pytest.raises(FileExistsError, match=r"a\.manifest\.json .* of another set"):
        ShardWriter(pattern, overwrite=True)
    assert len(expand_shards(tmp_path / "a")) == 2
