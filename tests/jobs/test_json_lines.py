"""`jobs.convert` of JSON lines: no value is lost, and none becomes another one."""

from __future__ import annotations

import numpy as np
import pytest
from job_sets import of_set, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import convert


def converted(tmp_path, text):
    (tmp_path / "a.jsonl").write_text(text)
    convert(tmp_path / "a.jsonl", tmp_path / "b.tfrecord", overwrite=True)
    return [tfr.decode_example(record) for record in of_set(tmp_path / "b.tfrecord")]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"x": 1e400}', "'1e400' would become infinite; write it as text"),
        ('{"x": [0.5, -1e400]}', "'-1e400' would become infinite"),
        ('{"x": 1e-400}', "'1e-400' would become 0"),
        ('{"x": -0.0001e-400}', "'-0.0001e-400' would become 0"),
        ('{"x": 9007199254740993.0}', "would become 9007199254740992; write it as text"),
        ('{"x": 1, "y": 3, "x": 2}', "'x' is there twice in one object"),
        ('{"x": {"y": 1, "y": 2}}', "'y' is there twice in one object"),
        ("[1, 2]", "list where a row is to be"),
        ('{"x": 1', "no JSON: Expecting ',' delimiter, at character 7"),
    ],
)
@pytest.mark.parametrize("before", ["", "\n\n"])
def test_a_row_whose_values_would_change_is_refused_with_its_line(tmp_path, line, told, before):
    (tmp_path / "a.jsonl").write_text(f'{{"x": 1.5}}\n{before}{line}\n')
    for dst in ("b", "b.tfrecord"):
        with pytest.raises(tfr.ExampleError, match=f"a.jsonl: line {2 + len(before)}: .*") as got:
            convert(tmp_path / "a.jsonl", tmp_path / dst)
        assert told in str(got.value)
    assert tree(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize("dst", ["b", "b.tfrecord"])
@pytest.mark.parametrize("rest", ["", '{"x": 1}\n', '{"features": {}}\n'])
def test_a_null_in_the_first_line_is_refused_and_is_not_the_end_of_the_file(tmp_path, rest, dst):
    (tmp_path / "a.jsonl").write_text(f"\nnull\n{rest}")
    with pytest.raises(tfr.ExampleError, match=r"a.jsonl: line 2: NoneType where a row is to be"):
        convert(tmp_path / "a.jsonl", tmp_path / dst)
    assert tree(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        ("float_list", "[1e39]", "1e\\+39 is beyond float32"),
        ("float_list", "[0.5, 1e-60]", "1e-60 is too small for float32"),
        ("float_list", "[1" + "0" * 400 + "]", "is beyond float32"),
        ("float_list", "[1" + "0" * 40 + ", 0.5]", "is beyond float32"),
        ("float_list", '["nan"]', "'nan' is no float"),
        ("int64_list", "[9223372036854775808]", ""),
        ("int64_list", "[1" + "0" * 400 + "]", ""),
        ("bytes_list", '[{"base64": "a"}]', "base64"),
    ],
)
def test_a_record_whose_values_would_change_is_refused_with_its_line(tmp_path, kind, values, told):
    text = f'{{"features": {{}}}}\n\n{{"features": {{"x": {{"{kind}": {values}}}}}}}\n'
    with pytest.raises(tfr.ExampleError, match=f"a.jsonl: line 3: feature 'x': .*{told}"):
        converted(tmp_path, text)


def test_floats_of_records_are_rounded_as_tensorflow_does(tmp_path):
    text = '{"features": {"x": {"float_list": [16777217, 0.1, "NaN", "-Infinity", 1e-45, -0.0]}}}\n'
    expected = np.array([2**24, 0.1, np.nan, -np.inf, 1e-45, -0.0], np.float32)
    (found,) = converted(tmp_path, text)
    assert found["x"].tobytes() == expected.tobytes()


def test_zeros_and_what_is_said_to_be_infinite_are_numbers(tmp_path):
    text = '{"x": [0.0, -0.0e5, 0e-400, Infinity, -Infinity, 9007199254740992.0]}\n'
    (found,) = converted(tmp_path, text)
    assert found["x"].tolist() == [0, 0, 0, np.inf, -np.inf, 2.0**53]


def test_a_row_of_raw_alone_says_what_it_was_taken_for(tmp_path):
    assert of_raw(tmp_path, "b3BhcXVl") == b"opaque"
    for text in ("no base64!", "abc"):
        with pytest.raises(tfr.ExampleError, match="line 1: raw: no base64.* row with one column"):
            of_raw(tmp_path, text)


def of_raw(tmp_path, text):
    (tmp_path / "a.jsonl").write_text(f'{{"raw": "{text}"}}\n')
    convert(tmp_path / "a.jsonl", tmp_path / "b.tfrecord", overwrite=True)
    return of_set(tmp_path / "b.tfrecord")[0]


def test_features_are_for_a_file_without_lines_as_well(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "row.jsonl").write_text('{"x": 1}\n')
    sources = [tmp_path / "empty.jsonl", tmp_path / "row.jsonl"]
    assert convert(sources, tmp_path / "b.tfrecord", features={"x": np.float32}) == 1


def test_an_error_that_counts_rows_says_that_it_counts_no_empty_lines(tmp_path):
    with pytest.raises(tfr.ExampleError, match="'x': row 1.* without 2 empty lines"):
        converted(tmp_path, '{"x": 1}\n\n\n{"x": "a"}\n')
    with pytest.raises(tfr.ExampleError, match="'x': row 1") as raised:
        converted(tmp_path, '{"x": 1}\n{"x": "a"}\n')
    assert "empty lines" not in str(raised.value)
