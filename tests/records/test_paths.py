"""Which files a caller's words mean. Row 42 of the fault matrix."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tfrecord_lite import read_records, write_records
from tfrecord_lite.records.paths import expand_paths, is_data_file


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
        assert names(expand_paths(path)) == ["a.tfrecord", "b.tfrecord", "c.gz"]
    assert list(read_records(folder)) == [b"a.tfrecord", b"b.tfrecord", b"c.gz"]
    with pytest.raises(FileNotFoundError, match="no data files"):
        expand_paths(folder / "below")


def test_row_42_a_glob(folder: Path) -> None:
    assert names(expand_paths(folder / "*.tfrecord")) == ["a.tfrecord", "b.tfrecord"]
    assert names(expand_paths(folder / "[ax]*")) == ["a.tfrecord"]
    with pytest.raises(FileNotFoundError, match="no file matches"):
        expand_paths(folder / "*.nothing")


def test_a_path_that_exists_is_taken_as_it_is(folder: Path) -> None:
    for name in ("odd[1]", "name@3", "*"):
        write_records(folder / name, [b"odd"])
        assert expand_paths(folder / name) == [str(folder / name)]
    assert names(expand_paths(folder / "a.idx")) == ["a.idx"]


@pytest.mark.parametrize("suffix", ["", ".tfrecord", ".tfrecord.gz"])
def test_row_42_name_at_count(suffix: str, tmp_path: Path) -> None:
    wanted = [f"train-0000{index}-of-00003{suffix}" for index in range(3)]
    for name in wanted:
        write_records(tmp_path / name, [name.encode()])
    assert names(expand_paths(tmp_path / "train@3")) == wanted
    (tmp_path / wanted[1]).unlink()
    with pytest.raises(FileNotFoundError, match=rf"1 of 3 shards are missing: .*{wanted[1]}"):
        expand_paths(tmp_path / "train@3")
    with pytest.raises(FileNotFoundError, match="no shard"):
        expand_paths(tmp_path / "train@4")
    (tmp_path / "big-00000-of-00009").touch()
    with pytest.raises(FileNotFoundError, match="8 of 9 .* and 5 more"):
        expand_paths(tmp_path / "big@9")


def test_row_42_a_list(folder: Path) -> None:
    paths = [folder / "b.tfrecord", str(folder / "*.tfrecord"), folder / "b.tfrecord"]
    assert names(expand_paths(paths)) == ["b.tfrecord", "a.tfrecord", "b.tfrecord", "b.tfrecord"]
    with pytest.raises(FileNotFoundError, match="empty list"):
        expand_paths([])
    with pytest.raises(FileNotFoundError):
        expand_paths([folder / "a.tfrecord", folder / "missing"])


def test_is_data_file() -> None:
    assert is_data_file("x/train-00000-of-00001")
    assert not is_data_file("x/.train.12345678.tfrecord-partial")
