"""Parts of several writers as one set; leftovers; and journals of any making."""

from __future__ import annotations

import errno
import fcntl
import gc
import json
import multiprocessing
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from tfrecord_lite import FixedLenFeature, TFRecordError, read_records
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.files import staging
from tfrecord_lite.files.publishing import publish_shards
from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.files.staging import Journal
from tfrecord_lite.records.storage import Output, is_partial

FEATURES = {"label": FixedLenFeature([], int)}


def write_part(name: Path, part: int, count: int = 3, **options: Any) -> list[bytes]:
    records = [b"%d of part %d" % (index, part) for index in range(count)]
    with ShardWriter(name, part=part, records_per_shard=2, **options) as writer:
        writer.write_many(records)
    assert writer.manifest is None
    return records


def names_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("how", ["plain", "gzip", "fsync"])
@pytest.mark.parametrize("name", ["a", "a_{index:02d}.tfrecord"])
@pytest.mark.parametrize("counts", [[3], [3, 2, 5], [0, 4, 0], [0, 0]])
def test_parts_become_one_set(counts: list, name: str, how: str, tmp_path: Path) -> None:
    options = {"plain": {}, "gzip": {"compression": "GZIP"}, "fsync": {"fsync": True}}[how]
    records = {}
    for part in reversed(range(len(counts))):
        records[part] = write_part(tmp_path / name, part, counts[part], **options)
        assert all(is_partial(name) for name in names_in(tmp_path))
        with pytest.raises(FileNotFoundError):
            expand_shards(tmp_path / "a")
    manifest = publish_shards(tmp_path / name, len(counts), fsync=how == "fsync")
    expected = [record for part in sorted(records) for record in records[part]]
    assert list(read_records(expand_shards(tmp_path / name))) == expected
    assert len(manifest.entries) == sum(max(1, -(-count // 2)) for count in counts)
    shards = [os.path.basename(file) for file in manifest.files]
    assert names_in(tmp_path) == sorted([*shards, "a.manifest.json"])
    assert all(file.endswith(".gz") == (how == "gzip" and name == "a") for file in shards)


def test_parts_of_a_round_robin(tmp_path: Path) -> None:
    for part in range(2):
        with ShardWriter(tmp_path / "a", part=part, num_shards=2, features=FEATURES) as writer:
            writer.write_many([b"%d%d" % (part, index) for index in range(3)])
    manifest = publish_shards(tmp_path / "a", 2)
    assert [list(read_records(file)) for file in manifest.files] == [
        [b"00", b"02"],
        [b"01"],
        [b"10", b"12"],
        [b"11"],
    ]
    assert manifest.features is not None


def test_processes_write_parts(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        wrote = pool.starmap(write_part, [(tmp_path / "a", part, 50) for part in range(4)])
    publish_shards(tmp_path / "a", 4)
    assert list(read_records(expand_shards(tmp_path / "a"))) == [r for part in wrote for r in part]


def test_missing_parts_are_named(tmp_path: Path) -> None:
    for part in (1, 3):
        write_part(tmp_path / "a", part)
    living = ShardWriter(tmp_path / "a", part=0)
    before = names_in(tmp_path)
    with pytest.raises(FileNotFoundError, match="of 5 parts these are not complete: 0, 2, 4;"):
        publish_shards(tmp_path / "a", 5)
    with pytest.raises(FileNotFoundError, match=", 10, 11 and 9 more"):
        publish_shards(tmp_path / "a", 20 + 1)
    with pytest.raises(FileNotFoundError, match="of 1 parts"):
        publish_shards(tmp_path / "b", 1)
    assert names_in(tmp_path) == before
    living.close()
    write_part(tmp_path / "a", 2)
    with pytest.raises(ValueError, match=r"part 3 is complete too .* pass parts=4"):
        publish_shards(tmp_path / "a", 3)
    assert publish_shards(tmp_path / "a", 4).records == 9


def test_parts_that_do_not_go_together(tmp_path: Path) -> None:
    write_part(tmp_path / "a", 0)
    for options, message in (
        ({"compression": "GZIP"}, "the compression of part 0 is None, that of part 1 GZIP"),
        ({"features": FEATURES}, "the features of part 0 is None"),
    ):
        write_part(tmp_path / "a", 1, **options)
        with pytest.raises(ValueError, match=message):
            publish_shards(tmp_path / "a", 2)
    with pytest.raises(ValueError, match="parts=0"):
        publish_shards(tmp_path / "a", 0)


def test_a_part_that_was_tampered_with(tmp_path: Path) -> None:
    for part in range(2):
        write_part(tmp_path / "a", part)
    (shard, _) = sorted(tmp_path.glob(".a.*.part-00001.*/0000*"))
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    with pytest.raises(TFRecordError, match="says") as caught:
        publish_shards(tmp_path / "a", 2)
    assert caught.value.path == str(shard)
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(str(shard))):
        publish_shards(tmp_path / "a", 2)
    shard.write_bytes(data)
    assert publish_shards(tmp_path / "a", 2).records == 6


def test_a_part_that_is_written_anew_replaces_the_old_one(tmp_path: Path) -> None:
    write_part(tmp_path / "a", 0)
    write_part(tmp_path / "a", 1, 7)
    write_part(tmp_path / "a", 0, 5)
    assert len(names_in(tmp_path)) == 2
    # From its beginning on: what fails leaves no old part to be published by mistake.
    with pytest.raises(KeyError), ShardWriter(tmp_path / "a", part=1):
        raise KeyError
    with pytest.raises(FileNotFoundError, match="not complete: 1;"):
        publish_shards(tmp_path / "a", 2)
    records = write_part(tmp_path / "a", 1, 2)
    publish_shards(tmp_path / "a", 2)
    assert list(read_records(expand_shards(tmp_path / "a")))[-2:] == records


def test_of_two_living_writers_of_a_part_the_last_has_it(tmp_path: Path) -> None:
    writers = [ShardWriter(tmp_path / "a", part=0) for _ in range(2)]
    for index, writer in enumerate(writers):
        writer.write(b"%d" % index)
    for writer in reversed(writers):
        writer.close()
    assert list(read_records(publish_shards(tmp_path / "a", 1).files)) == [b"0"]
    assert len(names_in(tmp_path)) == 2


def test_parts_and_an_existing_set(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a", records_per_shard=1) as writer:
        writer.write_many([b"old"] * 5)
    for part in range(2):
        write_part(tmp_path / "a", part)
    before = names_in(tmp_path)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        publish_shards(tmp_path / "a", 2)
    assert names_in(tmp_path) == before
    assert list(read_records(expand_shards(tmp_path / "a"))) == [b"old"] * 5
    assert publish_shards(tmp_path / "a", 2, overwrite=True).records == 6
    assert len(expand_shards(tmp_path / "a")) == 4
    assert len(names_in(tmp_path)) == 5


def test_parts_outlive_a_publisher_that_fails(tmp_path: Path, monkeypatch) -> None:
    for part in range(3):
        write_part(tmp_path / "a", part)
    before = sorted(tmp_path.rglob("*"))
    rename = os.rename
    for nth in range(1, 8):
        for forever in (False, True):
            calls: list[int] = []

            def fail(source: str, target: str, nth=nth, forever=forever, calls=calls) -> None:
                calls.append(1)
                if len(calls) == nth or (forever and len(calls) > nth):
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                rename(source, target)

            with monkeypatch.context() as patch:
                patch.setattr(os, "rename", fail)
                with pytest.raises(OSError, match="Input/output"):
                    publish_shards(tmp_path / "a", 3)
            with Journal(str(tmp_path), "a") as journal:
                journal.remove_leftovers()
            assert sorted(tmp_path.rglob("*")) == before
    assert publish_shards(tmp_path / "a", 3).records == 9
    assert len(names_in(tmp_path)) == 7


# What writers that are no more left behind.


def leave(name: Path, **options: Any) -> None:
    """A writer's folder as a kill leaves it: nobody holds its lock."""
    writer = ShardWriter(name, **options)
    writer.write(b"lost")
    with pytest.warns(ResourceWarning, match="never closed"):
        del writer
        gc.collect()


def test_leftovers_are_removed_and_what_lives_is_not(tmp_path: Path) -> None:
    for name in ("a", "ab", "a.b"):
        leave(tmp_path / name)
    living = ShardWriter(tmp_path / "b")
    before = set(names_in(tmp_path))
    leave(tmp_path / "b")
    leave(tmp_path / "b", part=3)
    (part,) = [name for name in names_in(tmp_path) if ".part-" in name]
    os.mkdir(tmp_path / ".b.12345678.tfrecord-partial")
    (tmp_path / ".b.87654321.tfrecord-partial").touch()
    with ShardWriter(tmp_path / "b", overwrite=True) as writer:
        writer.write(b"x")
    found = set(names_in(tmp_path))
    assert before < found
    assert found - before == {
        part,
        ".b.87654321.tfrecord-partial",
        "b-00000-of-00001.tfrecord",
        "b.manifest.json",
    }
    write_part(tmp_path / "b", 3)
    assert not os.path.exists(tmp_path / part)
    living.__exit__(KeyError, None, None)


def test_without_locks_all_folders_are_left_alone(tmp_path: Path, monkeypatch) -> None:
    def unsupported(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    leave(tmp_path / "a")
    (left,) = names_in(tmp_path)
    with ShardWriter(tmp_path / "a") as writer:
        writer.write(b"x")
    assert names_in(tmp_path) == [left, "a-00000-of-00001.tfrecord", "a.manifest.json"]
    for _ in range(2):
        write_part(tmp_path / "b", 0)
    with pytest.raises(ValueError, match="part 0 was written twice"):
        publish_shards(tmp_path / "b", 1)
    shutil.rmtree(next(tmp_path.glob(".b.*.part-*")))
    assert publish_shards(tmp_path / "b", 1).records == 3


def test_who_waits_for_a_journal_gets_its_own(tmp_path: Path, monkeypatch) -> None:
    first = Journal(str(tmp_path), "a")
    first.__enter__()
    lock = staging._lock

    def wait(handle: int, *, wait: bool) -> Any:
        # As if the first ended while the second waits.
        first.__exit__(None, None, None)
        monkeypatch.setattr(staging, "_lock", lock)
        return lock(handle, wait=wait)

    monkeypatch.setattr(staging, "_lock", wait)
    with Journal(str(tmp_path), "a"):
        assert names_in(tmp_path) == [".a.publishing.tfrecord-partial"]
    assert names_in(tmp_path) == []


def test_the_journal_goes_while_it_is_held(tmp_path: Path, monkeypatch) -> None:
    """Whoever waits for it must find that it is gone, and not take a file without a name."""
    unlink, seen = os.unlink, []

    def look(path: str) -> None:
        with open(path, "rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen.append(os.path.basename(path))
        unlink(path)

    monkeypatch.setattr(os, "unlink", look)
    with Journal(str(tmp_path), "a"):
        pass
    assert seen == [".a.publishing.tfrecord-partial"]


# Row 40: journals of any making.


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "7",
        "null",
        '["ab"]',
        "[[1, 2]]",
        '[["a"]]',
        "[" * 100_000,
        "\x00" * 100,
        json.dumps([["precious", "../stolen"]]),
        json.dumps([["../precious", "stolen"]]),
        json.dumps([["/etc/passwd", "stolen"]]),
        json.dumps([["precious/x", "stolen"]]),
        json.dumps([["stolen", "precious"], ["folder/x", "a.manifest.json"]]),
        json.dumps([["x.tfrecord-partial/../precious", "stolen"]]),
        json.dumps([["..tfrecord-partial/../x", "stolen"]]),
        json.dumps([["\ud800", "precious"], ["\0", "x"]]),
    ],
)
def test_row_40_a_journal_that_is_none_does_nothing(text: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "folder").mkdir(parents=True)
    for path in (tmp_path / "precious", home / "precious", home / "folder" / "x"):
        path.write_bytes(b"precious")
    journal = home / ".a.publishing.tfrecord-partial"
    journal.write_text(text)
    before = {path for path in tmp_path.rglob("*") if path != journal}
    assert expand_shards(home) == [str(home / "precious")]
    with Journal(str(home), "a"):
        pass
    assert set(tmp_path.rglob("*")) == before


def test_before_the_manifest_a_reader_sees_no_set(tmp_path: Path, monkeypatch) -> None:
    with ShardWriter(tmp_path / "a", records_per_shard=1) as writer:
        writer.write_many([b"old"] * 3)
    words = [tmp_path / word for word in ("a", "a@2", "a*", "", "a.manifest.json")]
    seen: list[Any] = []
    rename = os.rename

    def look(source: str, target: str) -> None:
        for word in words:
            try:
                seen.append((word, list(read_records(expand_shards(word)))))
            except FileNotFoundError as error:
                seen.append((word, str(error)))
        rename(source, target)

    with ShardWriter(tmp_path / "a", records_per_shard=1, overwrite=True) as writer:
        writer.write_many([b"new"] * 2)
        monkeypatch.setattr(os, "rename", look)
    monkeypatch.undo()
    assert len(seen) == 7 * len(words)
    for word, found in seen[: len(words)]:
        assert found == [b"old"] * 3 or (word.name == "a@2" and "3 shards, not 2" in found)
    for _, found in seen[len(words) :]:
        assert isinstance(found, str), found
    assert any("is being published" in found for _, found in seen[len(words) :])
    for word in words:
        assert list(read_records(expand_shards(word))) == [b"new"] * 2


def test_a_journal_that_cannot_be_settled_stays(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / ".a.12345678.tfrecord-partial"
    folder.mkdir()
    (folder / "manifest.json").touch()
    (tmp_path / "a-0").touch()
    renames = [[f"{folder.name}/0", "a-0"], [f"{folder.name}/manifest.json", "a.manifest.json"]]
    journal = tmp_path / ".a.publishing.tfrecord-partial"
    journal.write_text(json.dumps(renames))
    with pytest.raises(FileNotFoundError, match="is being published"):
        expand_shards(tmp_path)

    def fail(source: str, target: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output"):
                ShardWriter(tmp_path / "a")
    assert json.loads(journal.read_text()) == renames
    with Journal(str(tmp_path), "a"):
        assert names_in(folder) == ["0", "manifest.json"]
    assert names_in(tmp_path) == [folder.name]


def test_a_folder_in_place_of_a_journal_is_no_matter_to_readers(tmp_path: Path) -> None:
    (tmp_path / ".a.publishing.tfrecord-partial").mkdir()
    (tmp_path / "x").touch()
    assert expand_shards(tmp_path) == [str(tmp_path / "x")]


def test_the_manifest_of_a_part_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    """By it others know that the part is complete: it must not be seen while it is written."""
    write, seen = Output.write, []

    def look(output: Output, data: Any) -> None:
        if output.path.endswith("manifest.json"):
            seen.append(output.path)
            assert not os.path.lexists(output.path)
        write(output, data)

    monkeypatch.setattr(Output, "write", look)
    write_part(tmp_path / "a", 0)
    assert len(seen) == 1
    assert os.path.exists(seen[0])


def test_who_clears_up_waits_for_the_other(tmp_path: Path) -> None:
    heard = []

    def enter() -> None:
        with Journal(str(tmp_path), "a"):
            heard.append("entered")

    other = threading.Thread(target=enter)
    with Journal(str(tmp_path), "a"):
        other.start()
        other.join(0.2)
        heard.append("left")
    other.join()
    assert heard == ["left", "entered"]
