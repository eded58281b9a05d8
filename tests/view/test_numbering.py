"""The numbers that a search tells are those by which the page opens records, damage or not."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from random import Random

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.view.query import Query
from tfrecord_lite.view.statistics import Statistics
from tfrecord_lite.view.viewed_file import ViewedFile
from tfrecord_lite.view.viewed_set import ViewedSet


def overwrite(path: Path, data: bytes, at: int | None = None) -> None:
    """Damage a file so that its index still fits."""
    stat = os.stat(path)
    with path.open("r+b") as file:
        file.seek(stat.st_size // 3 if at is None else at)
        file.write(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def labels(entries):
    return [
        value
        for entry in entries
        for feature in entry.get("features", ())
        if feature["name"] == "label"
        for value in feature["values"]
    ]


def write(path: Path, compression: str | None = None) -> None:
    options = {"block_bytes": 1000} if compression else {}
    with tfr.RecordWriter(path, compression=compression, **options) as writer:
        for label in range(100):
            writer.write_example({"label": label, "pad": Random(label).randbytes(300)})
    tfr.RecordIndex.build(path).save()


@pytest.fixture
def held(monkeypatch):
    """Keep the background from reading, as it is for a while where files are large."""
    going = threading.Event()
    step = ViewedFile.step

    def waiting(self):
        going.wait(60)
        step(self)

    monkeypatch.setattr(ViewedFile, "step", waiting)
    yield going
    going.set()


@pytest.mark.parametrize("compression", [None, "GZIP"])
@pytest.mark.parametrize("early", [True, False])
def test_a_search_of_a_damaged_file_with_an_index_opens_what_it_found(
    tmp_path, view, held, compression, early
):
    write(tmp_path / "a", compression)
    overwrite(tmp_path / "a", bytes(4096))
    client = view(tmp_path / "a")
    if not early:
        held.set()
        client.whole()
    job = client.post("query", where="label >= 90").json()["id"]
    assert client.done(job)["matched"] == 10
    # Until the records are reached none is shown, and no other.
    first = client.get("records", query=job, first=0, count=24)["entries"]
    assert labels(first) == ([] if early else list(range(90, 100)))
    held.set()
    client.whole()
    entries = client.entries(query=job)
    assert labels(entries) == list(range(90, 100))
    for entry, label in zip(entries, range(90, 100), strict=True):
        assert labels([client.get("record", number=entry["number"])]) == [label]


def test_damage_at_the_end_does_not_shift_the_next_file(tmp_path, view, held):
    for name in "ab":
        write(tmp_path / name)
    size = os.path.getsize(tmp_path / "a")
    overwrite(tmp_path / "a", bytes(2000), size - 2000)
    client = view([tmp_path / "a", tmp_path / "b"])
    job = client.post("query", where="label < 3").json()["id"]
    client.done(job)
    assert labels(client.get("records", query=job, first=3, count=3)["entries"]) == [0, 1, 2]
    held.set()
    client.whole()
    assert labels(client.entries(query=job, count=6)) == [0, 1, 2, 0, 1, 2]


def test_one_damaged_record_leaves_the_index(tmp_path):
    write(tmp_path / "a")
    overwrite(tmp_path / "a", b"\xff", tfr.RecordIndex.load(tmp_path / "a").offsets[30] + 50)
    viewed = ViewedSet(tfr.RecordSet(str(tmp_path / "a")))
    query = Query(viewed, where="label >= 97")
    query._run()
    assert query.numbers(0, 9) == [97, 98, 99]
    assert viewed.known == (100, True)
    assert viewed.files[0].ready == 100
    viewed.close()


def damaged_set(folder: Path) -> Path:
    with tfr.ShardWriter(folder / "s", records_per_shard=100) as writer:
        for label in range(200):
            writer.write_example({"label": label, "pad": Random(label).randbytes(300)})
    overwrite(Path(tfr.expand_shards(folder / "s")[0]), bytes(4096))
    return folder / "s"


def test_a_search_of_a_set_with_a_damaged_shard_stays_right(tmp_path, view, held):
    client = view(damaged_set(tmp_path))
    assert client.get("state")["records"] == 200
    job = client.post("query", where="label >= 195").json()["id"]
    client.done(job)
    state = client.get("state")
    assert (state["records"], state["checked"]) == (189, False)
    held.set()
    client.whole()
    assert labels(client.entries(query=job)) == list(range(195, 200))


def test_a_search_whose_numbers_have_changed_is_refused(tmp_path, view, held):
    """It was ended before the damage of a file before was known."""
    client = view(damaged_set(tmp_path))
    job = client.post("query", where="label >= 195").json()["id"]
    client.done(job)
    query = client.viewer._server.api._running[job]
    # As if the manifest had been believed.
    query.begins[1] = query.begins[1]._replace(number=100)
    answer = client.raw("records", query=job, first=0, count=5)
    assert answer.status == 409
    assert "search again" in answer.json()["error"]
    assert client.post("statistics", query=job).status == 409
    statistics = Statistics(query._viewed, query)
    statistics._run()
    assert "search again" in statistics.error


def test_a_search_of_a_file_that_was_replaced_is_refused(tmp_path, view):
    tfr.write_examples(tmp_path / "a", {"label": list(range(100))})
    client = view(tmp_path / "a")
    client.whole()
    job = client.post("query", where="label < 3").json()["id"]
    client.done(job)
    assert labels(client.entries(query=job)) == [0, 1, 2]
    with tfr.RecordWriter(tmp_path / "b") as writer:
        for label in range(100, 150):
            writer.write_example({"label": label})
    os.replace(tmp_path / "b", tmp_path / "a")
    client.until("state", lambda state: state["records"] == 50)
    assert client.raw("records", query=job, first=0, count=5).status == 409


@pytest.mark.parametrize("part", [0.1, 0.4, 0.5, 0.8, 1])
@pytest.mark.parametrize("indexed", [True, False])
def test_intact_records_of_a_damaged_member_are_shown(tmp_path, view, part, indexed):
    write(tmp_path / "a", "GZIP")
    # At the end it is the checksum of the last member, whose records are intact.
    overwrite(tmp_path / "a", b"\xff\xfe", int((os.path.getsize(tmp_path / "a") - 8) * part))
    if not indexed:
        os.remove(tmp_path / "a.index")
    client = view(tmp_path / "a")
    assert client.whole()["regions"]
    found: list[tfr.Damage] = []
    read = [
        int(tfr.decode_example(record)["label"][0])
        for record in tfr.read_records(tmp_path / "a", on_damage=found.append)
    ]
    assert found
    assert labels(client.entries(count=200)) == read
    job = client.post("query", where="label >= 0").json()["id"]
    client.done(job)
    assert labels(client.entries(query=job, count=200)) == read


def test_a_picture_of_all_steps_of_no_steps_is_refused(tmp_path, view):
    tfr.write_examples(tmp_path / "a", {"label": list(range(3))})
    client = view(tmp_path / "a")
    for asked in ({"part": "raw", "shape": "8x8"}, {"part": "features", "at": 0, "shape": "2x2"}):
        answer = client.raw("picture", number=0, step="all", **asked)
        assert answer.status in (404, 422)
        assert answer.json()["error"]
    size = len(tfr.encode_example({"label": 1}))
    asked = {"number": 1, "part": "raw", "step": "all", "shape": f"{size}x1"}
    assert client.raw("picture", **asked).status == 200


def test_a_picture_of_steps_that_are_strings_is_refused(tmp_path, view):
    step = tfr.Feature(bytes_list=tfr.BytesList(value=[b"1", b"2"]))
    example = tfr.SequenceExample()
    for _ in range(2):
        example.feature_lists.feature_list["words"].feature.add().CopyFrom(step)
    tfr.write_records(tmp_path / "a", [example.SerializeToString()])
    answer = view(tmp_path / "a").raw("picture", number=0, part="lists", at=0, step="all")
    assert answer.status == 404
    assert "step" in answer.json()["error"]
