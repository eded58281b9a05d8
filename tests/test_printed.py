"""What is printed of things: one line that says what they are, and a report as the command's."""

from __future__ import annotations

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.cli import main
from tfrecord_lite.integrity.report_text import file_text


@pytest.fixture
def path(tmp_path):
    tfr.write_examples(tmp_path / "a.tfrecord", {"a": range(10)})
    return tmp_path / "a.tfrecord"


def test_iterators_say_what_they_are_over(path):
    records = tfr.RecordSet(path)
    (split,) = records.splits()
    with tfr.RecordReader(path) as reader, tfr.RecordFile(path) as file:
        iterators = {
            tfr.read_records(path): f"the records of <RecordSet of 1 file: {path}>",
            iter(reader): f"the records of <RecordReader of {path}>",
            iter(file): f"the records of {file!r}",
            iter(split): f"the records of {split!r}",
            tfr.read_batches(path): "batches of 1,024 records",
            iter(tfr.Dataset(path, batch_size=1)): "batches of 1 record",
        }
        for iterator, over in iterators.items():
            assert repr(iterator) == f"<iterator over {over}>"
            assert "\n" not in repr(iterator)
            iterator.close() if hasattr(iterator, "close") else [*iterator]


def test_sparse_is_one_line():
    found = tfr.Sparse(np.zeros((1000, 2), int), np.arange(1000), np.array([3, 7]))
    assert repr(found) == "<Sparse, shape [3, 7], int64, 1,000 values>"
    assert repr({"a": found}) == "{'a': <Sparse, shape [3, 7], int64, 1,000 values>}"


def printed(capsys, *arguments):
    with pytest.raises(SystemExit):
        main([str(argument) for argument in arguments])
    return capsys.readouterr().out


@pytest.mark.parametrize("kind", ["whole", "damaged", "set", "missing"])
def test_a_salvage_prints_what_the_command_prints(tmp_path, capsys, path, kind):
    source = path
    if kind in ("set", "missing"):
        source = tmp_path / "set"
        with tfr.ShardWriter(source, num_shards=2) as writer:
            writer.write_many([b"foo"] * 10)
        path = tmp_path / "set-00000-of-00002.tfrecord"
    if kind == "missing":
        path.unlink()
    elif kind != "whole":
        data = bytearray(path.read_bytes())
        data[14] ^= 1
        path.write_bytes(data)
    report = tfr.salvage(source, tmp_path / "new")
    command = printed(capsys, "salvage", source, tmp_path / "new", "--overwrite")
    assert f"{report}\n" == command
    assert report.written == str(tmp_path / "new")
    assert f"\nwritten {tmp_path / 'new'}: " in command
    checked = tfr.verify(source)
    assert f"{checked}\n" == printed(capsys, "verify", source)
    assert checked.written is None


def test_the_types_of_what_is_returned_are_there(path):
    with tfr.ShardWriter(path.parent / "set", num_shards=1) as writer:
        writer.write(b"no example")
    (file,) = tfr.verify(path.parent / "set", examples=True).files
    for found in (file, *file.faults, *writer.manifest.entries):
        assert getattr(tfr, type(found).__name__) is type(found)
        assert type(found).__name__ in tfr.__all__
    assert len(file.faults) == 1


@pytest.mark.parametrize("width", [70, 50, 40, 30, 20])
def test_nothing_of_reasons_and_names_is_lost_in_a_narrow_terminal(path, width):
    """No line is longer than it, either."""
    data = bytearray(path.read_bytes())
    data[14] ^= 1
    path.write_bytes(data)
    (path.parent / "empty").write_bytes(b"")
    report = tfr.verify(path)
    (damage,) = report.files[0].damage
    _, *lines = file_text(report.files[0], width).split("\n")
    assert max(map(len, lines)) <= width
    text = "".join("".join(lines).split())
    if width < 70:
        assert text.endswith("".join(damage.reason.split()))
    assert "record0" in text
    assert f"byte{damage.begin}" in text
    found = tfr.describe([path, path.parent / "empty"])
    found.files[0].path, found.files[1].path = "a" * 11, "b" * 11
    files = found.table(files=True, width=width).split("\n\n")[2 if found.features else 1]
    assert "a" * 11 in files
    assert "b" * 11 in files
