"""What strangers do wrong is refused where they do it, and they are told what to do instead."""

from __future__ import annotations

import errno
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.cli import main
from tfrecord_lite.cli.inputs import expand_files
from tfrecord_lite.stores.store import store_of
from tfrecord_lite.text import printable


class Tensor:
    """As TensorFlow and PyTorch have them: no array, but with a way to one."""

    def numpy(self) -> Any:
        return np.arange(3)


@pytest.fixture
def a_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with tfr.ShardWriter("data/train", num_shards=2) as writer:
        writer.write_examples({"label": range(5)})
    return tmp_path / "data"


NAMES = {
    "TFRecordWriter": "here it is RecordWriter",
    "TFRecordDataset": "here it is read_records, read_batches",
    "tf_record_iterator": "here it is read_records",
    "tfrecord_loader": "here it is read_batches",
    "io": r"import tfrecord_lite\.compat as tf",
    "python_io": r"import tfrecord_lite\.compat as tf",
    # Not one that other tests import, which then is there.
    "grain": r"it is a module by itself: import tfrecord_lite\.grain",
    "nothing_like_it": "'nothing_like_it'$",
    "__wrapped__": "'__wrapped__'$",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_others(name: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'.*{NAMES[name]}|{NAMES[name]}"):
        getattr(tfr, name)
    assert not hasattr(tfr, name)


@pytest.mark.parametrize("name", ["", "folder/", "folder/.", "folder/.."])
@pytest.mark.parametrize("options", [{}, {"mode": "x"}, {"atomic": False}], ids=str)
def test_what_is_no_name_of_a_file(
    name: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written to the folder that such a name would be of, or to that above it."""
    below = tmp_path / "here"
    below.mkdir()
    monkeypatch.chdir(below)
    with pytest.raises(OSError, match=r"No such file|Is a directory|Not a directory") as caught:
        tfr.RecordWriter(name, **options)
    assert caught.value.filename == name
    assert os.listdir(tmp_path) == ["here"]
    assert os.listdir(below) == []


RECORDS = {
    "a mapping": ({"label": 3}, "not dict; encode_example makes a record of a mapping"),
    "a message": (tfr.Example(), r"not Example; pass its SerializeToString\(\)"),
    "a tensor": (Tensor(), r"not Tensor; pass its \.numpy\(\)"),
    "a number": (3, "not int$"),
}


@pytest.mark.parametrize("what", RECORDS)
def test_what_is_no_record(what: str, tmp_path: Path) -> None:
    record, message = RECORDS[what]
    with pytest.raises(TypeError, match=message):
        tfr.write_records(tmp_path / "a", [record])
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("value", [Tensor(), [Tensor()]], ids=["alone", "in a list"])
def test_tensors_as_values(value: Any) -> None:
    with pytest.raises(tfr.ExampleError, match=r"of type Tensor; .*; pass its \.numpy\(\)$"):
        tfr.encode_example({"a": value})
    with pytest.raises(tfr.ExampleError, match=r"of type Tensor; .*; pass its \.numpy\(\)$"):
        tfr.encode_examples({"a": [value]})


def test_rows_where_columns_are_meant(tmp_path: Path) -> None:
    with (
        tfr.RecordWriter(tmp_path / "a") as writer,
        pytest.raises(TypeError, match=r"columns are .* not list; .*write_examples\(path, rows\)"),
    ):
        writer.write_examples([{"label": 3}])  # type: ignore[arg-type]
    assert tfr.write_examples(tmp_path / "b", [{"label": 3}]) == 1


@pytest.mark.parametrize("cls", [tfr.FixedLenFeature, tfr.VarLenFeature, tfr.RawFeature])
def test_a_class_as_a_feature(cls: Any) -> None:
    with pytest.raises(TypeError, match=f"'a': {cls.__name__} is a class; pass an object of it"):
        tfr.parse_example([b""], {"a": cls})


@pytest.mark.parametrize("dtype", [[3], "nothing", (1, 2, 3)], ids=str)
def test_what_is_no_dtype(dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"^dtype .*; pass the shape first, then a dtype"):
        tfr.RawFeature([3], dtype)


def test_an_array_without_dimensions_is_no_path() -> None:
    with pytest.raises(TypeError, match="an object of type ndarray is no path"):
        tfr.read_records(np.array("a"))  # type: ignore[arg-type]


def test_all_names_of_a_folder(a_set: Path) -> None:
    """As the shell writes them out for ``data/*``: the manifest means the shards once more."""
    names = sorted(map(str, Path("data").iterdir()))
    assert len(names) == 3
    for read in (tfr.RecordSet, tfr.verify, tfr.describe, expand_files, tfr.expand_shards):
        with pytest.warns(UserWarning, match="named by itself and by the manifest") as caught:
            read(names)
        assert "train-00000-of-00002.tfrecord and 1 more" in str(caught[0].message), read


def test_names_that_are_there_once_or_as_often_as_was_said(a_set: Path) -> None:
    shard = "data/train-00000-of-00002.tfrecord"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for names in (["data/train"] * 2, [shard] * 2, "data/*", ["data", "data"]):
            tfr.RecordSet(names)
            tfr.verify(names)


def test_a_set_without_a_shard_says_what_to_do(a_set: Path) -> None:
    os.unlink(a_set / "train-00001-of-00002.tfrecord")
    with pytest.raises(FileNotFoundError, match=r"00001-of-00002\.tfrecord; restore .* salvage"):
        tfr.read_records("data/train")


def test_a_store_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setenv("TFRECORD_LITE_STORE", "s3fs")
    with pytest.raises(ValueError, match="TFRECORD_LITE_STORE='s3fs' .* 'fsspec' or 'obstore'"):
        store_of("s3://a-bucket-of-this-test/name")


@pytest.mark.parametrize(
    "query",
    [
        "select * from data/train",
        "select * from train.tfrecord",
        "train.tfrecord",
        "select count(*) from train.tfrecord where label = 1",
    ],
)
def test_a_path_without_quotes(query: str, a_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("duckdb")
    tfr.write_examples("train.tfrecord", {"label": [1]})
    with pytest.raises(SystemExit) as caught:
        main(["sql", query])
    assert caught.value.code == 2
    assert "a path is a table in single quotes" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["data", "escape \x1b[31m"])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS], ids=errno.errorcode.get)
def test_a_folder_that_may_not_be_written_to(
    code: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is that which was asked for, not of a file beside it of which nobody knows."""

    def refuse(path: Any, *rest: Any, **options: Any) -> Any:
        raise OSError(code, os.strerror(code), path)

    folder = tmp_path / name
    folder.mkdir()
    target = repr(str(folder / "a"))
    message = (
        f"{os.strerror(code)}; no file can be made in the directory {printable(str(folder))}: "
        f"{target}"
    )
    monkeypatch.setattr("tfrecord_lite.records.storage.open", refuse, raising=False)
    with pytest.raises(OSError, match=re.escape(message)) as caught:
        tfr.RecordWriter(folder / "a")
    assert caught.value.errno == code
    assert str(caught.value).isprintable()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match=re.escape(message)):
        tfr.ShardWriter(folder / "a")
    assert os.listdir(folder) == []


@pytest.mark.parametrize("timeout", ["1", float("nan"), [1]], ids=str)
def test_a_timeout_that_is_no_number(timeout: Any, tmp_path: Path) -> None:
    tfr.write_records(tmp_path / "a", [b"x"])
    with pytest.raises(TypeError, match=r"^timeout=.* must be a number of seconds, or None"):
        tfr.RecordReader(tmp_path / "a", follow=True, timeout=timeout)


def test_what_is_no_mapping(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(TypeError, match="cast='float32' must be a mapping of columns to types"):
        tfr.write_examples(tmp_path / "a", pa.table({"a": [1]}), cast="float32")  # type: ignore[arg-type]
    pytest.importorskip("duckdb")
    from tfrecord_lite.sql import query

    with pytest.raises(TypeError, match="tables='a' must be a mapping of names to paths"):
        query("select 1", "a")  # type: ignore[arg-type]


def test_a_ragged_of_lists_can_be_shown() -> None:
    assert repr(tfr.Ragged([1, 2], [0, 2])) == "<Ragged, shape [1, None], int64>"  # type: ignore[arg-type]
