"""Which files a caller's words mean. Row 42 of the fault matrix."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from tfrecord_lite import ShardWriter, expand_shards, read_records, write_records
from tfrecord_lite.files.paths import Folders, expand_path, is_data_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.tfrecord", "a.tfrecord", "c.gz"):
        write_records(tmp_path / name, [name.encode()])
    for name in ("x.manifest.json", "a.idx", ".hidden", "_SUCCESS", ".a.1234abcd.tfrecord-partial"):
        (tmp_path / name).write_bytes(b"{}")
    (tmp_path / "below").mkdir()
    return tmp_path


def names(paths: list[str]) -> list[str]:
    return [os.path.basename(path) for path in paths]


def test_row_42_a_directory_means_its_data_files(folder: Path) -> None:
    for path in (folder, str(folder), os.fsencode(folder)):
        assert names(expand_shards(path)) == ["a.tfrecord", "b.tfrecord", "c.gz"]
    assert list(read_records(folder)) == [b"a.tfrecord", b"b.tfrecord", b"c.gz"]
    with pytest.raises(FileNotFoundError, match="no data files"):
        expand_shards(folder / "below")


def test_row_42_a_glob(folder: Path) -> None:
    assert names(expand_shards(folder / "*.tfrecord")) == ["a.tfrecord", "b.tfrecord"]
    assert names(expand_shards(folder / "[ax]*")) == ["a.tfrecord"]
    assert names(expand_shards(folder / "*")) == ["a.tfrecord", "b.tfrecord", "c.gz"]
    for nothing in ("*.nothing", "?hidden", ".h*"):
        with pytest.raises(FileNotFoundError, match="no file matches"):
            expand_shards(folder / nothing)


def test_a_path_that_exists_is_taken_as_it_is(folder: Path) -> None:
    for name in ("odd[1]", "name@3", "*"):
        write_records(folder / name, [b"odd"])
        assert expand_shards(folder / name) == [str(folder / name)]
    assert names(expand_shards(folder / "a.idx")) == ["a.idx"]


@pytest.mark.parametrize("suffix", ["", ".tfrecord", ".tfrecord.gz"])
def test_row_42_name_at_count(suffix: str, tmp_path: Path) -> None:
    wanted = [f"train-0000{index}-of-00003{suffix}" for index in range(3)]
    for name in wanted:
        write_records(tmp_path / name, [name.encode()])
    assert names(expand_shards(tmp_path / "train@3")) == wanted
    (tmp_path / wanted[1]).unlink()
    with pytest.raises(FileNotFoundError, match=rf"1 of 3 shards are missing: .*{wanted[1]}"):
        expand_shards(tmp_path / "train@3")
    with pytest.raises(FileNotFoundError, match="no shard"):
        expand_shards(tmp_path / "train@4")
    (tmp_path / "big-00000-of-00009").touch()
    with pytest.raises(FileNotFoundError, match="8 of 9 .* and 5 more"):
        expand_shards(tmp_path / "big@9")


def test_row_42_a_list(folder: Path) -> None:
    paths = [folder / "b.tfrecord", str(folder / "*.tfrecord"), folder / "b.tfrecord"]
    assert names(expand_shards(paths)) == ["b.tfrecord", "a.tfrecord", "b.tfrecord", "b.tfrecord"]
    with pytest.raises(FileNotFoundError, match="empty list"):
        expand_shards([])
    with pytest.raises(FileNotFoundError):
        expand_shards([folder / "a.tfrecord", folder / "missing"])


def test_is_data_file() -> None:
    assert is_data_file("x/train-00000-of-00001")
    assert not is_data_file("x/.train.12345678.tfrecord-partial")
    for name in ("cells_label_map.pbtxt", "data.yaml", "README.md", "train.tfrecord.idx"):
        assert not is_data_file(f"x/{name}")


# The cases names_of_shards, folders_of_folders and columns_from_open_files.

SUFFIXES = ["", ".tfrecord", ".tfrecord.gz", ".gz", ".tfrecords", ".tfrec", ".record"]


def touch(*paths: Path) -> list[str]:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return list(map(str, paths))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_of_shards(suffix: str, tmp_path: Path) -> None:
    files = touch(*(tmp_path / f"n-0000{index}-of-00002{suffix}" for index in range(2)))
    assert expand_shards(tmp_path / "n@2") == files
    assert expand_shards(tmp_path / f"n@2{suffix}") == files
    with pytest.raises(FileNotFoundError, match=r"n@2\.other: no shard .*n-00000-of-00002\.other"):
        expand_shards(tmp_path / "n@2.other")
    os.remove(files[1])
    with pytest.raises(FileNotFoundError, match="1 of 2 shards are missing: .*n-00001-of-00002"):
        expand_shards(tmp_path / "n@2")


def test_shards_with_two_suffixes(tmp_path: Path) -> None:
    """Which are meant is not guessed."""
    some = touch(*(tmp_path / f"n-0000{index}-of-00002.tfrecord" for index in range(2)))
    touch(tmp_path / "n-00000-of-00002.gz")
    with pytest.raises(ValueError, match=r"n@2: .* several suffixes: '.tfrecord', '.gz'; pass"):
        expand_shards(tmp_path / "n@2")
    assert expand_shards(tmp_path / "n@2.tfrecord") == some


def test_a_count_of_six_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many names as that are not made where the folder has not as many."""
    count = 100_000
    (tmp_path / f"train-99999-of-{count}").touch()
    missing = "99999 of 100000 shards are missing: .*train-00000-of-100000, .* and 99996 more"
    with pytest.raises(FileNotFoundError, match=missing):
        expand_shards(tmp_path / f"train@{count}")
    for name in ("train@999999999", f"train@{count}.gz", "train@10000"):
        with pytest.raises(FileNotFoundError, match="no shard"):
            expand_shards(tmp_path / name)
    shards = [f"train-{index:05d}-of-{count}" for index in range(count)]
    listing = [(name, False) for name in shards]
    monkeypatch.setattr("tfrecord_lite.files.paths.list_directory", lambda _: listing)
    assert expand_path(f"train@{count}", Folders()) == shards


def test_files_whose_names_have_a_count_at_their_end(tmp_path: Path) -> None:
    for name in ("me@1", "you@1", "[t]-00000-of-00001"):
        (tmp_path / name).touch()
    assert names(expand_shards(tmp_path / "*@1")) == ["me@1", "you@1"]
    assert names(expand_shards(tmp_path / "[t]@1")) == ["[t]-00000-of-00001"]
    with pytest.raises(FileNotFoundError, match="no shard"):
        expand_shards(tmp_path / "*@2")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Folders as Spark's partitionBy makes them."""
    touch(
        tmp_path / "r/date=1/part-0.tfrecord",
        tmp_path / "r/date=2/part-0.tfrecord",
        tmp_path / "r/date=2/deep/er/part-1",
        tmp_path / "r/_SUCCESS",
        tmp_path / "r/_temporary/0/part-0.tfrecord",
        tmp_path / "r/.staging/part-0.tfrecord",
        tmp_path / "r/date=1/part-0.tfrecord.index",
    )
    return tmp_path / "r"


def test_folders_of_folders(tree: Path) -> None:
    inside = [
        str(tree / name)
        for name in ("date=1/part-0.tfrecord", "date=2/deep/er/part-1", "date=2/part-0.tfrecord")
    ]
    assert expand_shards(f"{tree}/**") == inside
    assert expand_shards(f"{tree}/**/*") == inside
    assert expand_shards(f"{tree}/**/*.tfrecord") == [inside[0], inside[2]]
    assert expand_shards(f"{tree}/**/deep/**") == [inside[1]]
    assert expand_shards(f"{tree}/date=*/*") == [inside[0], inside[2]]
    assert expand_shards(f"{tree}/date=?/**") == inside
    # What is named is meant.
    assert len(expand_shards(f"{tree}/_temporary/**")) == 1
    with pytest.raises(FileNotFoundError, match=r"no data files .* directories \(2\): .*/\*"):
        expand_shards(tree)
    with pytest.raises(FileNotFoundError, match="no file matches"):
        expand_shards(f"{tree}/*")


def test_folders_whose_names_look_like_patterns(tmp_path: Path) -> None:
    """A folder that was found is that folder, and one that is there comes before a pattern."""
    touch(tmp_path / "d/run[1]/a.tfrecord", tmp_path / "d/run1/b.tfrecord")
    touch(tmp_path / "d/x*/y?/c.tfrecord", tmp_path / "d/xx/yy/d.tfrecord")
    every = [str(tmp_path / "d" / name) for name in ("run1/b", "run[1]/a", "x*/y?/c", "xx/yy/d")]
    every = [f"{name}.tfrecord" for name in every]
    for pattern in ("**", "**/*", "**/*.tfrecord", "**/?.tfrecord"):
        assert expand_shards(f"{tmp_path}/d/{pattern}") == every
    for pattern, which in {
        "run[1]/**": [1],
        "run[1]/**/*": [1],
        "run[1]": [1],
        "x*/**": [2],
        "x*/y?/**": [2],
        "**/y?/**": [2, 3],
        "**/y?/*": [2, 3],
        "**/a.tfrecord": [1],
        "**/run[1]/*": [0],
        "**/**/c.tfrecord": [2],
    }.items():
        found = expand_shards(f"{tmp_path}/d/{pattern}")
        assert found == [every[number] for number in which], pattern


def test_below_the_working_directory(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert expand_shards("**/part-1") == ["date=2/deep/er/part-1"]
    assert len(expand_shards("**")) == 3


def test_nothing_but_what_a_writer_left(tmp_path: Path) -> None:
    """What `DIR/**` passes over as well is no reason to advise it."""
    left = ".train.0123abcd.tfrecord-partial"
    (tmp_path / left).mkdir()
    with pytest.raises(FileNotFoundError, match=f"directory, but {left}, .*; salvage takes") as why:
        expand_shards(tmp_path)
    assert "**" not in str(why.value)


def test_an_empty_directory_with_the_name_of_a_set(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "train", num_shards=1) as writer:
        writer.write(b"record")
    (tmp_path / "train").mkdir()
    advice = "no data files in this directory, which has the name of a set: (.*) means that$"
    for given in (str(tmp_path / "train"), f"{tmp_path}/train/"):
        with pytest.raises(FileNotFoundError, match=advice) as caught:
            expand_shards(given)
        assert f" {writer.manifest.path} " in str(caught.value)
    assert list(read_records(writer.manifest.path)) == [b"record"]


def test_a_file_beside_a_folder(tmp_path: Path) -> None:
    (file,) = touch(tmp_path / "b/part-0.tfrecord")
    (tmp_path / "b/old").mkdir()
    (tmp_path / "b/_temporary").mkdir()
    assert expand_shards(tmp_path / "b") == expand_shards(tmp_path / "b" / "*") == [file]


def test_a_loop_of_links(tree: Path) -> None:
    """Each folder is looked into once, and links to folders are followed."""
    before = expand_shards(f"{tree}/**")
    os.symlink(tree, tree / "date=1" / "up")
    os.symlink(tree / "date=1", tree / "date=2" / "across")
    os.symlink(tree.parent / "other", tree / "linked")
    (other,) = touch(tree.parent / "other" / "part-9")
    found = expand_shards(f"{tree}/**")
    assert len(found) == len(before) + 1
    assert {os.path.realpath(file) for file in found} == {*before, other}


def test_a_link_to_nothing_is_in_a_folder(tmp_path: Path) -> None:
    """Who reads it says that it is missing."""
    os.symlink(tmp_path / "gone", tmp_path / "a.tfrecord")
    assert expand_shards(tmp_path) == [str(tmp_path / "a.tfrecord")]


@pytest.mark.parametrize("given", [io.BytesIO(b"a\nb"), [io.BytesIO()], 3, [3], None, [None]])
def test_columns_from_open_files(given: Any) -> None:
    with pytest.raises(TypeError, match="is no path: pass a path"):
        expand_shards(given)


def test_lines_of_an_open_file_are_no_names(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names").write_bytes(b"other")
    touch(tmp_path / "other")
    with open("names", "rb") as file, pytest.raises(TypeError, match="an open file is no path"):
        expand_shards(file)


def test_a_folder_below_that_may_not_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in it is not left out in silence; in a folder that is named it is an error."""
    for name in ("a", "closed", "z"):
        (tmp_path / name).mkdir()
        write_records(tmp_path / name / "data", [b"x"])
    scan = os.scandir

    def refusing(folder: str) -> Any:
        if os.path.basename(folder) == "closed":
            raise PermissionError(13, "Permission denied", folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    for pattern in ("**", "**/dat*", "*/dat*", "[acz]*/*"):
        with pytest.warns(UserWarning, match="closed: it may not be listed, and what is in it"):
            found = expand_shards(tmp_path / pattern)
        assert found == [f"{tmp_path}/a/data", f"{tmp_path}/z/data"]
    for pattern in ("closed", "closed/*", "closed/**"):
        with pytest.raises(PermissionError, match="closed"):
            expand_shards(tmp_path / pattern)
    assert expand_shards(tmp_path / "closed" / "data") == [f"{tmp_path}/closed/data"]


def test_links_in_a_circle_and_files_are_no_folders_for_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write_records(tmp_path / "a" / "data", [b"x"])
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "nowhere").symlink_to("gone")
    touch(tmp_path / "file")
    for pattern in ("*/*", "*/d*", "*/**"):
        assert expand_shards(tmp_path / pattern) == [f"{tmp_path}/a/data"]
    for folder in ("circle", "nowhere", "file", "x" * 300):
        with pytest.raises(FileNotFoundError, match="no file matches this pattern"):
            expand_shards(tmp_path / folder / "*")


def test_what_an_iterator_of_paths_raises_goes_through() -> None:
    def paths() -> Any:
        yield "a"
        raise TypeError("of the caller's own")

    with pytest.raises(TypeError, match="of the caller's own"):
        expand_shards(paths())


def test_names_of_missing_shards_print(tmp_path: Path) -> None:
    write_records(tmp_path / "a\x1b-00000-of-00002", [b"x"])
    with pytest.warns(UserWarning, match="shards are missing") as told:
        expand_shards(tmp_path / "a*")
    assert str(told[0].message).isprintable()
    with ShardWriter(tmp_path / "b\x1b", num_shards=2) as writer:
        writer.write_many([b"x", b"y"])
    os.remove(tmp_path / "b\x1b-00001-of-00002.tfrecord")
    with pytest.raises(FileNotFoundError, match="shards are missing") as raised:
        expand_shards(tmp_path / "b\x1b")
    assert str(raised.value).isprintable()
