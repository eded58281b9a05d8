"""`tfrecord-lite head` and `cat`: any record, on any terminal, into any program."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tfrecord_lite as tfr
from tfrecord_lite.example.record_json import read_payload
from tfrecord_lite.text import json_text

REAL = sorted((Path(__file__).parents[1] / "data" / "real").iterdir())
EXAMPLES = [tfr.encode_example({"label": i, "name": f"digit {i}"}) for i in range(10)]


def strict_json(line: str) -> dict:
    """Parse what RFC 8259 allows, without Python's own NaN and Infinity."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(line, parse_constant=refuse)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "digits.tfrecord"
    tfr.write_records(path, EXAMPLES)
    return path


def test_cat_prints_a_line_a_record(command, path):
    outcome = command("cat", path)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) == 10
    assert strict_json(lines[3]) == {
        "features": {"label": {"int64_list": [3]}, "name": {"bytes_list": ["digit 3"]}}
    }


def test_cat_form_of_every_kind():
    data = tfr.encode_example(
        {
            "bytes": [b"text", "é".encode(), b"\xff\xfe", b"", b"\x1b[2J\n"],
            "ints": [2**63 - 1, -(2**63), 0],
            "floats": np.array([0.1, 3, math.nan, math.inf, -math.inf, -0.0], np.float32),
            "empty": np.array([], np.int64),
        }
    )
    line = json_text(read_payload(data).to_json())
    assert line.isascii()
    assert line.isprintable()
    assert strict_json(line)["features"] == {
        "bytes": {"bytes_list": ["text", "é", {"base64": "//4="}, "", "\x1b[2J\n"]},
        "ints": {"int64_list": [2**63 - 1, -(2**63), 0]},
        "floats": {"float_list": [0.1, 3.0, "NaN", "Infinity", "-Infinity", -0.0]},
        "empty": {"int64_list": []},
    }


def test_cat_form_of_a_feature_without_a_kind():
    data = tfr.Example(features={"feature": {"none": tfr.Feature()}}).SerializeToString()
    assert read_payload(data).to_json() == {"features": {"none": {}}}


def test_cat_form_of_a_sequence_example():
    data = tfr.encode_sequence_example({"id": 7}, {"frames": [[b"a"], [b"b", b"c"]]})
    assert read_payload(data).to_json() == {
        "context": {"id": {"int64_list": [7]}},
        "feature_lists": {"frames": [{"bytes_list": ["a"]}, {"bytes_list": ["b", "c"]}]},
    }


@pytest.mark.parametrize(
    "data",
    [
        b"opaque",
        b"\xff",
        b"\n",
        b"\x28\x07",
        b"\n\x02\x10\x07",
        b"\n\x09\n\x07\n\x01a\x12\x00\x18\x07",
    ],
    ids=["text", "no protobuf", "truncated", "unknown field", "in features", "in a map's entry"],
)
def test_what_the_form_cannot_hold_is_raw(data):
    assert read_payload(data).to_json() == {"raw": base64.b64encode(data).decode()}


FLOATS = st.floats(width=32)
VALUES = st.one_of(
    st.lists(st.binary(max_size=8), min_size=1),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.lists(FLOATS, min_size=1).map(lambda values: np.array(values, np.float32)),
)


def from_json(feature: dict):
    """Read a feature back, by the rules that the form's documentation gives."""
    ((kind, values),) = feature.items()
    if kind == "bytes_list":
        return [v.encode() if isinstance(v, str) else base64.b64decode(v["base64"]) for v in values]
    if kind == "float_list":
        return np.array([float(value) for value in values], np.float32)
    return np.array(values, np.int64)


@settings(max_examples=200)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_cat_loses_nothing(mapping):
    data = tfr.encode_example(mapping)
    line = json_text(read_payload(data).to_json())
    assert line.isascii()
    assert line.isprintable()
    back = {name: from_json(value) for name, value in strict_json(line)["features"].items()}
    assert tfr.encode_example(back) == tfr.encode_example(canonical_nans(mapping))


def canonical_nans(mapping: dict) -> dict:
    """Replace every NaN by the one that JSON's "NaN" is read back as."""
    return {
        name: np.where(np.isnan(value), np.float32("nan"), value)
        if isinstance(value, np.ndarray)
        else value
        for name, value in mapping.items()
    }


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_print(command, path):
    outcome = command("cat", path)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) == sum(1 for _ in tfr.read_records(path))
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert all(strict_json(line) for line in lines)
    outcome = command("head", "-n", 3, path)
    assert outcome.code == 0
    assert all(line.isprintable() for line in outcome.out.splitlines())


def test_head_shows_features_for_people(command, path):
    outcome = command("head", "-n", 2, path)
    assert outcome.code == 0
    assert [line.split() for line in outcome.out.splitlines()] == [
        f"{path}: record 0: Example, {len(EXAMPLES[0])} bytes".split(),
        ["label", "int64_list", "1", "0"],
        ["name", "bytes_list", "1", "'digit", "0'"],
        f"{path}: record 1: Example, {len(EXAMPLES[1])} bytes".split(),
        ["label", "int64_list", "1", "1"],
        ["name", "bytes_list", "1", "'digit", "1'"],
    ]


def test_head_counts_over_all_files(command, path):
    lines = command("head", "--json", "-n", 15, path, path).out.splitlines()
    each = command("cat", path).out.splitlines()
    assert lines == each + each[:5]


def test_head_shortens_what_is_long(command, tmp_path):
    path = tmp_path / "long"
    example = {
        "ints": list(range(100)),
        "text": "é" * 61,
        "bytes": b"\xff" * 17,
        "exact": "x" * 60,
    }
    sequence = tfr.encode_sequence_example({}, {"steps": [[i] for i in range(20)]})
    tfr.write_records(path, [tfr.encode_example(example), sequence, b"\xff" * 1000])
    outcome = command("head", path)
    lines = [line.strip() for line in outcome.out.splitlines()]
    assert lines[1].endswith(r"\xff\xff'... (17 bytes)")
    assert lines[2].endswith("xx'")
    assert lines[3].endswith("0, 1, 2, 3, 4, 5, 6, 7, ...")
    assert lines[4].endswith("éé'... (122 bytes)")
    assert lines[5].endswith(f"SequenceExample, {len(sequence)} bytes")
    assert lines[6].startswith("steps[0]")
    assert lines[13].startswith("steps[7]")
    assert lines[14].split() == ["steps[...]", "20", "steps", "in", "all"]
    assert lines[15].endswith("not an Example, 1,000 bytes")
    assert lines[16].endswith("... (1,000 bytes)")
    assert len(lines) == 17


def test_damage_is_told_and_what_is_intact_is_printed(command, path):
    data = bytearray(path.read_bytes())
    data[12] ^= 1
    path.write_bytes(data)
    outcome = command("cat", path)
    assert outcome.code == 1
    assert len(outcome.out.splitlines()) == 9
    size = len(EXAMPLES[0]) + 16
    assert f"{path}: record 0, bytes 0 to {size} left out: " in outcome.err
    assert "record 1:" in command("head", "-n", 1, path).out


def test_missing_file_exits_2(command, tmp_path):
    outcome = command("cat", tmp_path / "none")
    assert (outcome.code, outcome.out) == (2, "")


def test_standard_input(command, path):
    assert command("cat", "-", stdin=path.read_bytes()).out == command("cat", path).out


def test_row_41_names_and_values_are_escaped(command, tmp_path):
    nasty = "\x1b]0;owned\x07\n\u202e[bold]"
    path = tmp_path / "nasty"
    tfr.write_records(path, [tfr.encode_example({nasty: nasty.encode()}), nasty.encode()])
    for arguments in (["cat"], ["head"], ["head", "--json"], ["info"], ["info", "--json"]):
        outcome = command(*arguments, path)
        assert outcome.code == 0
        assert all(line.isprintable() for line in outcome.out.splitlines())
        assert "[bold]" in outcome.out


def test_reader_that_goes_away_ends_it_quietly(tmp_path):
    path = tmp_path / "many"
    tfr.write_records(path, [EXAMPLES[0]] * 20_000)
    reads = ("cat {} | head -n 1", "head -n 100000 {} | head -n 1")
    for command in (*reads, "-h | true", "cat --help | true"):
        pipe = f"{sys.executable} -m tfrecord_lite {command.format(path)}"
        shell = ["bash", "-c", f"{pipe}; echo ${{PIPESTATUS[0]}}"]
        done = subprocess.run(shell, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "141"
        assert done.stderr == ""


def test_full_disk_exits_2(path):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "tfrecord_lite", "cat", str(path)]
        done = subprocess.run(command, stdout=full, stderr=-1, check=False)
    assert done.returncode == 2
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


def test_many_records_in_bounded_memory_are_a_stream(command):
    file = io.BytesIO()
    tfr.write_records(file, [EXAMPLES[1]] * 1000)
    assert len(command("cat", "-", stdin=file.getvalue()).out.splitlines()) == 1000


def test_a_feature_without_a_name_is_seen(command, tmp_path):
    tfr.write_examples(tmp_path / "a", {"": [7], "b": [8]})
    for name in ("head", "info"):
        assert "''" in command(name, tmp_path / "a").out
