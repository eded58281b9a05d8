"""`tfrecord-lite info`: what files hold."""

from __future__ import annotations

import json

import pytest

import tfrecord_lite as tfr

EXAMPLES = [
    tfr.encode_example({"label": 3, "score": [0.5] * 2}),
    tfr.encode_example({"label": 4, "score": [0.5] * 5}),
    tfr.encode_example({"label": b"seven"}),
]
SIZES = [len(example) for example in EXAMPLES]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, EXAMPLES)
    return path


def found_in(command, *arguments, **options):
    return json.loads(command("info", "--json", *arguments, **options).out)


def test_for_people(command, path):
    outcome = command("info", path)
    assert outcome.code == 0
    mean = sum(SIZES) / 3
    assert [" ".join(line.split()) for line in outcome.out.splitlines()] == [
        "records 3",
        f"bytes {path.stat().st_size} B in 1 file, not compressed",
        f"record {min(SIZES)} to {max(SIZES)} bytes, {mean:.1f} on average",
        "content 3 Example",
        "",
        "feature kind records values what",
        "label int64, bytes all 1 3 to 4, mean 3.5, UTF-8 text, 5 bytes, 3 distinct",
        "score float32 2 2 to 5 0.5 to 0.5, mean 0.5, 1 distinct",
    ]


def test_json(command, path):
    found = found_in(command, path)
    assert (found["records"], found["bytes"], found["damage"]) == (3, path.stat().st_size, 0)
    assert (found["sample"], found["payloads"]) == (3, {"Example": 3})
    (file,) = found["files"]
    assert (file["path"], file["records"]) == (str(path), 3)
    sizes = file["record_bytes"]
    assert (sizes["min"], sizes["mean"], sizes["max"]) == (min(SIZES), sum(SIZES) / 3, max(SIZES))
    label, score = found["features"]
    assert (label["name"], label["in"]) == ("label", "features")
    assert label["kinds"] == {"int64": 2, "bytes": 1}
    assert (score["records"], score["counts"]["min"], score["counts"]["max"]) == (2, 2, 5)
    assert (score["numbers"]["min"], score["distinct"], score["top"]) == (0.5, 1, [[0.5, 7]])


@pytest.mark.parametrize("compression", ["GZIP", "ZLIB"])
def test_compressed(command, tmp_path, compression):
    path = tmp_path / "a"
    tfr.write_records(path, EXAMPLES * 100, compression=compression)
    assert f"in 1 file, {compression}, " in command("info", path).out
    (file,) = found_in(command, path)["files"]
    assert file["compression"] == compression
    assert file["bytes"] == path.stat().st_size
    assert file["raw_bytes"] == 100 * (sum(SIZES) + 16 * 3)
    (file,) = found_in(command, "-", stdin=path.read_bytes())["files"]
    assert (file["records"], file["bytes"]) == (300, None)
    assert f"{compression}, " in command("info", "-", stdin=path.read_bytes()).out


def test_sequence_examples_and_other_bytes(command, tmp_path):
    path = tmp_path / "a"
    sequence = tfr.encode_sequence_example({"id": 7}, {"frames": [[b"a"], [b"b"]], "none": []})
    tfr.write_records(path, [sequence, sequence, b"opaque"])
    found = found_in(command, path)
    assert found["payloads"] == {"SequenceExample": 2, "text": 1}
    assert [(one["in"], one["name"], one["kinds"]) for one in found["features"]] == [
        ("context", "id", {"int64": 2}),
        ("feature_lists", "frames", {"bytes": 4}),
        ("feature_lists", "none", {}),
    ]
    assert found["features"][1]["steps"]["max"] == 2
    out = command("info", path).out
    assert "2 SequenceExample, 1 text" in out
    assert "2 x 1" in out


def test_sample_limits_what_is_looked_at(command, path):
    assert "1 Example, 1 looked at" in command("info", "--sample", 1, path).out
    found = found_in(command, "--sample", 0, path)
    assert (found["sample"], found["records"]) == (3, 3)


def test_several_files(command, tmp_path):
    for name, count in (("a", 2), ("b", 3)):
        tfr.write_examples(tmp_path / name, {"x": range(count)})
    out = command("info", tmp_path).out
    assert "records  5" in out
    assert str(tmp_path / "b") not in out
    rows = command("info", "--files", tmp_path).out.splitlines()[-2:]
    assert [row.split()[0] for row in rows] == ["2", "3"]
    assert rows[1].endswith(str(tmp_path / "b"))


def test_empty_file(command, tmp_path):
    (tmp_path / "empty").touch()
    outcome = command("info", tmp_path / "empty")
    assert outcome.code == 0
    assert "records  0" in outcome.out
    found = found_in(command, tmp_path / "empty")
    assert (found["records"], found["record_bytes"]["min"], found["features"]) == (0, None, [])


def test_damaged_file_exits_1_and_tells_of_the_rest(command, path):
    data = bytearray(path.read_bytes())
    data[12] ^= 1
    path.write_bytes(data)
    outcome = command("info", path)
    assert outcome.code == 1
    assert "1 region, 57 B left out" in outcome.out
    assert "records  2" in outcome.out


def test_a_page(command, path, tmp_path):
    outcome = command("info", "--html", tmp_path / "page.html", path)
    assert (outcome.code, outcome.out) == (0, "")
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "score" in page


def test_missing_file_exits_2_and_tells_of_the_rest(command, tmp_path, path):
    assert command("info", tmp_path / "none").code == 2
    outcome = command("info", tmp_path / "none", path)
    assert outcome.code == 2
    assert "records  3" in outcome.out
    assert "none" in outcome.err


@pytest.mark.parametrize("width", [100, 80, 60, 40])
def test_any_width(tmp_path, width):
    """The summary is whole at each, and no line is longer; the last column is cut first."""
    with tfr.RecordWriter(tmp_path / "a") as writer:
        for number in range(100):
            writer.write_example(
                {"image/class/label": number, "image/class/text": f"some text of {number} " * 9}
            )
    found = tfr.describe([tmp_path / "a", tmp_path / "missing"])
    found.files[0].path, found.files[1].path = "a", "missing"
    summary, features, files, _ = found.table(files=True, width=width).split("\n\n")
    assert max(map(len, f"{summary}\n{features}\n{files}".splitlines())) <= width
    wide = found.table(files=True, width=1000).split("\n\n")[0]
    assert summary.split() == wide.split()
    assert [line.split()[0] for line in features.splitlines()[1:]] == list(found.features)
    assert "bytes" in features
    assert [line.split()[-1] for line in files.splitlines()[1:]] == ["a", "missing"]


def test_the_page_replaces_none_of_the_files(command, tmp_path):
    tfr.write_examples(tmp_path / "a", {"x": [1]})
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with tfr.ShardWriter(tmp_path / "set") as writer:
        writer.write_example({"x": 1})
    manifest = "set.manifest.json"
    before = [(tmp_path / name).read_bytes() for name in ("a", manifest)]
    for source, name in (("a", "a"), ("a", "b"), (manifest, manifest)):
        done = command("info", tmp_path / source, "--html", tmp_path / name)
        assert (done.code, "this is a source" in done.err) == (2, True)
    assert [(tmp_path / name).read_bytes() for name in ("a", manifest)] == before
