"""What the page gets of files: plain, compressed, indexed, damaged, growing, vanished."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest
from frames import frame

import tfrecord_lite as tfr

RECORDS = [b"%d" % number * (number % 7 + 1) for number in range(1000)]
FORMS = ["plain", "index", "blocked gzip", "gzip", "zlib", "set"]


def written(folder: Path, form: str) -> Path:
    path = folder / "a"
    if form == "set":
        with tfr.ShardWriter(folder / "set", records_per_shard=300) as writer:
            writer.write_many(RECORDS)
        return folder / "set"
    if form in ("gzip", "zlib"):
        raw = b"".join(map(frame, RECORDS))
        packer = zlib.compressobj(wbits=31 if form == "gzip" else 15)
        path.write_bytes(packer.compress(raw) + packer.flush())
        return path
    tfr.write_records(path, RECORDS, compression="GZIP" if form == "blocked gzip" else None)
    if form == "index":
        tfr.RecordIndex.build(path).save()
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_record_has_its_number(tmp_path, view, form):
    client = view(written(tmp_path, form))
    state = client.whole()
    assert (state["records"], state["regions"], state["errors"]) == (1000, 0, 0)
    for first in (0, 3, 297, 990, 400, 500, 10):
        entries = client.entries(first)
        assert [entry["number"] for entry in entries] == list(range(first, min(first + 24, 1000)))
        assert [entry["bytes"] for entry in entries] == [
            len(record) for record in RECORDS[first : first + 24]
        ]
    entry = client.get("record", number=777)
    assert entry["raw"]["text"] == RECORDS[777].decode()
    assert client.raw("value", number=777, part="raw").body == RECORDS[777]


@pytest.mark.parametrize("form", ["plain", "set", "gzip"])
def test_the_first_page_comes_at_once(tmp_path, view, form):
    """Without waiting for anything to be counted."""
    client = view(written(tmp_path, form))
    assert client.numbers(first=0, count=24) == list(range(24))


def test_a_set_is_known_by_its_manifest(tmp_path, view):
    client = view(written(tmp_path, "set"))
    state = client.get("state")
    assert (state["records"], state["complete"], state["files"]) == (1000, True, 4)
    assert state["manifest"].endswith("set.manifest.json")
    files = client.get("files")["files"]
    assert [file["first_record"] for file in files] == [0, 300, 600, 900]


def damaged(folder: Path, *, compression: str | None = None) -> tuple[Path, list[int]]:
    path = folder / "damaged"
    tfr.write_examples(path, {"label": list(range(100))}, compression=compression)
    data = bytearray(path.read_bytes())
    size = len(data) // 100
    data[size * 30 + 14] ^= 1
    data[size * 60 + 2] ^= 1
    path.write_bytes(data[:-5])
    return path, [30, 60, 99]


def test_damage_stands_in_its_place(tmp_path, view):
    path, numbers = damaged(tmp_path)
    client = view(path)
    state = client.whole()
    assert (state["records"], state["regions"]) == (100, 3)
    for number, kind in zip(numbers, ("data", "length", "truncated"), strict=True):
        entry = client.get("record", number=number)
        assert entry["damage"]["kind"] == kind
        assert entry["damage"]["number"] == number
        assert entry["damage"]["reason"]
        assert client.raw("value", number=number, part="raw").status == 404
        assert client.raw("json", number=number).status == 404
    assert client.get("record", number=31)["features"][0]["values"] == [31]
    assert client.get("record", number=98)["features"][0]["values"] == [98]
    entries = client.entries(28, 4)
    assert ["damage" in entry for entry in entries] == [False, False, True, False]
    (file,) = client.get("files")["files"]
    assert [region["number"] for region in file["damage"]] == numbers
    assert file["raw_bytes"] == file["damage"][-1]["end"] == os.path.getsize(path)


def test_a_damaged_record_of_an_indexed_file_says_why(tmp_path, view):
    path = tmp_path / "a"
    tfr.write_examples(path, {"label": list(range(100))})
    data = bytearray(path.read_bytes())
    data[len(data) // 100 * 30 + 14] ^= 1
    path.write_bytes(data)
    tfr.RecordIndex.build(path).save()
    client = view(path)
    assert "checksum" in client.get("record", number=30)["problem"]
    assert client.get("record", number=31)["features"][0]["values"] == [31]
    client.post("check")
    assert client.whole()["regions"] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n and so on" * 9,
        b"\x1f\x8b\x08 no gzip",
        os.urandom(5000),
        bytes(9999),
    ],
    ids=["empty", "foreign", "broken gzip", "noise", "zeros"],
)
def test_files_without_records_do_no_harm(tmp_path, view, content):
    (tmp_path / "a").write_bytes(content)
    client = view(tmp_path / "a")
    state = client.whole()
    assert bool(content) == bool(state["regions"] or state["errors"])
    assert len(client.entries()) == state["records"]


def test_a_file_that_vanishes_is_named_and_the_others_stay(tmp_path, view):
    for name in "ab":
        tfr.write_examples(tmp_path / name, {"label": [1, 2, 3]})
    client = view([tmp_path / "a", tmp_path / "b"])
    client.whole()
    (tmp_path / "a").unlink()
    state = client.until("state", lambda found: found["errors"] == 1)
    assert state["records"] == 3
    files = client.get("files")["files"]
    assert "No such file" in files[0]["error"]
    assert client.get("record", number=0)["file"].endswith("b")


@pytest.mark.parametrize("form", ["plain", "index"])
def test_a_file_that_grows_is_read_again(tmp_path, view, form):
    path = written(tmp_path, form)
    client = view(path)
    assert client.whole()["records"] == 1000
    with tfr.RecordWriter(path, mode="a") as writer:
        writer.write(b"one more")
    client.until("state", lambda found: found["records"] == 1001)
    assert client.get("record", number=1000)["raw"]["text"] == "one more"


def test_a_set_whose_manifest_does_not_fit_is_shown_all_the_same(tmp_path, view):
    written(tmp_path, "set")
    paths = sorted(tmp_path.glob("set-*"))
    with tfr.RecordWriter(paths[1], mode="a") as writer:
        writer.write(b"one more")
    client = view([str(path) for path in paths])
    assert client.whole()["records"] == 1001
    assert "set-00001" in client.get("state")["note"]


def test_urls(view):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    with memory.open("/viewer/a.tfrecord", "wb") as file:
        file.write(b"".join(map(frame, RECORDS)))
    client = view("memory://viewer/a.tfrecord")
    assert client.numbers(first=0) == list(range(24))
    state = client.whole()
    assert (state["records"], state["note"], state["errors"]) == (1000, None, 0)
    assert client.get("record", number=777)["raw"]["text"] == RECORDS[777].decode()


def test_records_larger_than_anybody_looks_at_are_not_read(tmp_path, view):
    path = tmp_path / "a"
    tfr.write_records(path, [b"before", bytes((1 << 26) + 1), b"after"])
    client = view(path)
    assert client.whole()["records"] == 3
    assert client.get("record", number=1)["damage"]["kind"] == "too_large"
    assert client.get("record", number=2)["raw"]["text"] == "after"
