"""Search, filter, sort and statistics: what they find, what they say, and that they end."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.view.query import Query
from tfrecord_lite.view.statistics import Statistics
from tfrecord_lite.view.viewed_set import ViewedSet

LABELS = [number * 7 % 100 for number in range(300)]


@pytest.fixture
def client(tmp_path, view):
    for shard in range(3):
        with tfr.RecordWriter(tmp_path / f"{shard}.tfrecord") as writer:
            for number in range(shard * 100, shard * 100 + 100):
                few = np.full(number % 3, number)
                name = b"Cat %d" % number
                writer.write_example({"label": LABELS[number], "name": name, "few": few})
    return view(tmp_path)


def found(client, **asked):
    job = client.post("query", **asked).json()
    state = client.done(job["id"])
    assert state["error"] is None
    numbers = client.numbers(query=job["id"], count=200)
    assert len(numbers) == min(state["matched"], 200)
    # A page in the middle is that part of all.
    assert client.numbers(query=job["id"], first=2, count=3) == numbers[2:5]
    return numbers


def test_filter(client):
    assert found(client, where="label == 3") == [n for n in range(300) if LABELS[n] == 3]
    assert found(client, where="label > 97 and few is not None") == [
        n for n in range(300) if LABELS[n] > 97 and n % 3
    ]


def test_search_takes_names_and_values_whatever_the_case(client):
    assert found(client, text="cAT 12") == [12, *range(120, 130)]
    assert len(found(client, text="LABEL")) == 200
    assert found(client, text="no such text") == []
    assert found(client, text="cat 1", where="label == 0") == [100]


def test_sort(client):
    assert found(client, sort="label", where="label < 3") == sorted(
        (n for n in range(300) if LABELS[n] < 3), key=lambda n: LABELS[n]
    )
    assert (
        found(client, sort="label", descending=True)[:6]
        == sorted(range(300), key=lambda n: -LABELS[n])[:6]
    )
    assert found(client, sort="name", where="label == 7") == [1, 101, 201]
    # Those without a value come last.
    assert found(client, sort="few", where="label < 2")[-2:] == [
        n for n in range(300) if LABELS[n] < 2 and n % 3 == 0
    ]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("école", [1, 2]),
        ("ÉCOLE", [1, 2]),
        ("É", [1, 2]),
        ("straße", [0, 4]),
        ("ПИЛЮЛЯ", [5]),
        ("ABC.", []),
        ("ABC", [3]),
        ("ключ", [6]),
    ],
)
def test_search_takes_letters_beyond_ascii_whatever_the_case(tmp_path, view, text, numbers):
    values = ["Straße", "ÉCOLE", "école", "abc", "STRASSE", "Пилюля"]
    with tfr.RecordWriter(tmp_path / "a") as writer:
        for value in values:
            writer.write_example({"t": value})
        writer.write_example({"КЛЮЧ": 1})
    assert found(view(tmp_path / "a"), text=text) == numbers


def test_strings_are_sorted_by_all_their_bytes(tmp_path, view):
    same = "/data/imagenet/train/n01440764/n01440764_"
    names = [same.encode() + b"%d" % (number * 7 % 20) for number in range(20)] + [b"a\0", b"a"]
    tfr.write_examples(tmp_path / "a", {"name": names})
    client = view(tmp_path / "a")
    order = sorted(range(22), key=lambda number: names[number])
    assert found(client, sort="name") == order
    # All differ.
    assert found(client, sort="name", descending=True) == order[::-1]


def test_strings_that_are_too_many_to_sort_are_an_error(client, monkeypatch):
    monkeypatch.setattr("tfrecord_lite.view.query._KEYS_BYTES", 1 << 12)
    state = client.done(client.post("query", sort="name").json()["id"])
    assert "too many to be put in order" in state["error"]
    assert not state["sorted"]
    assert not state["whole"]


@pytest.mark.parametrize(
    "asked",
    [
        {"where": "label =="},
        {"where": "open('x')"},
        {"where": "nothing > 3"},
        {"where": "name > 3"},
        {"sort": "nothing"},
        {"text": "x" * 2000},
    ],
)
def test_what_is_no_search_is_said(client, asked):
    answer = client.post("query", **asked)
    assert answer.status == 422
    assert answer.json()["error"]


def test_what_is_asked_for_is_of_the_right_type(client):
    assert client.post("query", where=7).status == 400
    assert client.post("cancel", id="x").status == 404


def test_the_scope_is_told(client):
    job = client.post("query", where="label == 3").json()
    state = client.done(job["id"])
    assert (state["looked_at"], state["whole"], state["matched"]) == (300, True, 3)


def test_records_that_are_no_examples_are_counted(tmp_path, view):
    with tfr.RecordWriter(tmp_path / "a") as writer:
        for number in range(20):
            writer.write_example({"label": number})
            if number % 5 == 0:
                writer.write(b"\xff no Example")
    client = view(tmp_path / "a")
    job = client.post("query", where="label >= 0").json()
    state = client.done(job["id"])
    assert (state["matched"], state["not_looked_into"]) == (20, 4)
    assert client.numbers(query=job["id"], count=3) == [0, 2, 3]


def test_sequence_examples_are_found_by_their_context(tmp_path, view):
    with tfr.RecordWriter(tmp_path / "a") as writer:
        for number in range(30):
            writer.write(
                tfr.encode_sequence_example({"id": number % 10}, {"words": [[b"a"]] * number})
            )
            writer.write_example({"id": number})
    client = view(tmp_path / "a")
    assert found(client, where="id == 9") == [18, 19, 38, 58]
    assert found(client, where="id < 2", sort="id", descending=True) == [2, 3, 22, 42, 0, 1, 20, 40]
    answer = client.post("query", sort="words")
    assert (answer.status, "'words' is a feature list" in answer.json()["error"]) == (422, True)


def test_damage_does_not_shift_numbers(tmp_path, view):
    tfr.write_examples(tmp_path / "a", {"label": list(range(100))})
    data = bytearray((tmp_path / "a").read_bytes())
    data[len(data) // 100 * 30 + 14] ^= 1
    (tmp_path / "a").write_bytes(data)
    assert found(view([tmp_path / "a"]), where="label > 96", text="") == [97, 98, 99]


@pytest.mark.parametrize("most", [1, 7, 250])
def test_no_more_records_are_looked_at_than_said(client, most):
    viewed = ViewedSet(tfr.RecordSet([str(file["path"]) for file in client.get("files")["files"]]))
    query = Query(viewed, where="label >= 0", most=most)
    query.start()
    query.close()
    query = Query(viewed, where="label >= 0", most=most)
    query._run()
    assert (query.looked_at, query.matched) == (most, most)
    assert not query.state()["whole"]


def test_a_search_can_be_cancelled(client):
    viewed = ViewedSet(tfr.RecordSet([str(file["path"]) for file in client.get("files")["files"]]))
    query = Query(viewed, where="label >= 0", sort="label")
    query.cancel()
    query._run()
    state = query.state()
    assert (state["done"], state["cancelled"], state["whole"]) == (True, True, False)
    assert state["looked_at"] < 300
    job = client.post("query", where="label >= 0").json()
    assert client.post("cancel", id=job["id"]).json()["cancelled"]
    assert client.done(job["id"])["done"]


def test_old_searches_make_room_and_end(client):
    before = threading.active_count()
    jobs = [client.post("query", text=f"{number}").json()["id"] for number in range(12)]
    assert client.raw("job", id=jobs[0]).status == 404
    assert client.done(jobs[-1])["matched"]
    assert threading.active_count() < before + 12


def test_statistics(client):
    state = client.done(client.post("statistics").json()["id"])
    assert state["whole"]
    features = {feature["name"]: feature for feature in state["found"]["features"]}
    label = features["label"]["numbers"]
    assert (label["min"], label["max"], sum(label["histogram"]["counts"])) == (0, 99, 300)
    assert features["few"]["counts"]["max"] == 2
    assert state["found"]["payloads"] == {"Example": 300}


def test_whole_numbers_that_javascript_would_round_are_told_as_text(tmp_path, view):
    numbers = [-(2**63), 2**53 - 1, 2**53 + 1, 2**63 - 1]
    tfr.write_examples(tmp_path / "a", {"id": numbers, "x": [0.5] * 4})
    client = view(tmp_path / "a")
    features = client.done(client.post("statistics").json()["id"])["found"]["features"]
    told = {feature["name"]: feature for feature in features}
    ends = told["id"]["numbers"]["min"], told["id"]["numbers"]["max"]
    assert ends == (str(-(2**63)), str(2**63 - 1))
    assert {value for value, _ in told["id"]["top"]} == {str(n) for n in numbers} - {
        str(2**53 - 1)
    } | {2**53 - 1}
    assert (told["x"]["numbers"]["max"], told["x"]["top"]) == (0.5, [[0.5, 4]])


def test_statistics_of_what_was_found(client):
    job = client.post("query", where="label == 3").json()
    client.done(job["id"])
    state = client.done(client.post("statistics", query=job["id"]).json()["id"])
    features = {feature["name"]: feature for feature in state["found"]["features"]}
    assert (features["label"]["records"], features["label"]["numbers"]["max"]) == (3, 3)


def test_statistics_wait_for_the_search_that_they_are_of(client):
    job = client.post("query", where="label >= 50", sort="label").json()
    state = client.done(client.post("statistics", query=job["id"]).json()["id"])
    [label] = [one for one in state["found"]["features"] if one["name"] == "label"]
    assert (label["records"], label["numbers"]["min"]) == (150, 50)


def test_statistics_grow(client):
    """What was found by now is told while others are still to come; and only what is new."""
    viewed = ViewedSet(tfr.RecordSet([str(file["path"]) for file in client.get("files")["files"]]))
    statistics = Statistics(viewed)
    told = []
    add = statistics._add

    def watched(block, numbers):
        add(block, numbers)
        statistics._tell()
        told.append(statistics.state())

    statistics._add = watched
    statistics._run()
    assert [state["found"]["payloads"]["Example"] for state in told] == [100, 200, 300]
    assert [state["found"]["edition"] for state in told] == [1, 2, 3]
    assert not told[-1]["done"]
    job = client.post("statistics").json()["id"]
    edition = client.done(job)["found"]["edition"]
    assert "found" not in client.get("job", id=job, edition=edition)
    assert "found" in client.get("job", id=job, edition=edition + 1)


def test_statistics_can_be_cancelled(client):
    job = client.post("statistics").json()
    client.post("cancel", id=job["id"])
    state = client.done(job["id"])
    assert state["cancelled"]
    assert state["found"]["payloads"].get("Example", 0) == state["looked_at"]


def test_statistics_of_nothing(tmp_path, view):
    (tmp_path / "a").write_bytes(b"")
    state = view(tmp_path / "a")
    job = state.post("statistics").json()
    assert state.done(job["id"])["found"]["features"] == []


def test_statistics_of_very_many_features(tmp_path, view):
    """Of each record as many as are shown, and no more time."""
    records = [{"x": 1}, {f"f{number:05}": number for number in range(20_000)}, {"x": 2}]
    with tfr.RecordWriter(tmp_path / "a") as writer:
        for record in records:
            writer.write_example(record)
    client = view(tmp_path / "a")
    found = client.done(client.post("statistics").json()["id"])["found"]
    assert found["more_features"]
    assert found["payloads"] == {"Example": 3}
    assert (found["features"][0]["name"], found["features"][0]["records"]) == ("x", 2)
    assert found["record_bytes"]["max"] == len(tfr.encode_example(records[1]))
