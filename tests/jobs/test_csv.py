"""`jobs.convert` of CSV: no value is lost, and none becomes another one."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from job_sets import of_set

import tfrecord_lite as tfr
from tfrecord_lite.jobs import convert

pa = pytest.importorskip("pyarrow")

from tfrecord_lite.arrow import write_table  # noqa: E402

BEYOND = 1 << 20  # of these bytes Arrow makes a block


def converted(tmp_path, text, **options):
    """Convert text of CSV, and return the features of the records."""
    (tmp_path / "in.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    convert(tmp_path / "in.csv", tmp_path / "out.tfrecord", overwrite=True, **options)
    return [
        {name: value[0] for name, value in tfr.decode_example(record).items()}
        for record in of_set(tmp_path / "out.tfrecord")
    ]


@pytest.mark.parametrize("names", [["text"], ["id", "text"]])
def test_newlines_in_quoted_values_split_no_row_beyond_a_block(tmp_path, names):
    count = 2 * BEYOND // 60
    texts = [f"line {number}\n" * 6 + "end" for number in range(count)]
    columns = {"id": range(count), "text": texts}
    tfr.write_examples(tmp_path / "a.tfrecord", {name: columns[name] for name in names})
    convert(tmp_path / "a.tfrecord", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").stat().st_size > 2 * BEYOND
    assert convert(tmp_path / "a.csv", tmp_path / "b.tfrecord") == count
    assert of_set(tmp_path / "b.tfrecord") == of_set(tmp_path / "a.tfrecord")


def test_missing_text_is_none_and_empty_text_is_empty(tmp_path):
    rows = converted(tmp_path, 's,n\n"",1\n,2\n"a",\n')
    assert rows == [{"s": b"", "n": 1}, {"n": 2}, {"s": b"a"}]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_empty_line_of_one_column_is_a_record_without_it(tmp_path, end):
    assert converted(tmp_path, end.join(["s", "a", "", '""', ""])) == [{"s": b"a"}, {}, {"s": b""}]
    assert converted(tmp_path, end.join(["n", "1", "", "3", ""])) == [{"n": 1}, {}, {"n": 3}]
    assert converted(tmp_path, end.join(["", "", "n", "1", "", "3", ""])) == [
        {"n": 1},
        {},
        {"n": 3},
    ]


@pytest.mark.parametrize("names", ["a", "a,b", '"a",b', '"a\n,",b', "\n\na,b"])
def test_names_alone_are_no_records_with_a_line_end_or_without(tmp_path, names):
    for end in ("", "\n", "\r\n"):
        assert converted(tmp_path, names + end) == []


def test_names_whose_quotes_do_not_end_are_no_file(tmp_path):
    for text in ("", '"a', 'a,"b'):
        with pytest.raises(tfr.TFRecordError, match="no whole CSV file"):
            converted(tmp_path, text)


def test_an_empty_line_of_several_columns_is_passed_over(tmp_path):
    assert converted(tmp_path, "\na,b\n1,2\n\n3,4\n") == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_na_and_null_are_text_and_nan_is_a_number(tmp_path):
    rows = converted(tmp_path, "s,f\nNA,nan\nnull,NaN\nN/A,inf\nNone,-Infinity\nNULL,-0.0\n")
    assert [row["s"] for row in rows] == [b"NA", b"null", b"N/A", b"None", b"NULL"]
    floats = np.array([row["f"] for row in rows])
    assert floats.dtype == np.float32
    assert np.isnan(floats[:2]).all()
    assert floats[2:4].tolist() == [np.inf, -np.inf]
    assert np.signbit(floats[4])
    assert floats[4] == 0


def test_text_of_na_alone_is_a_column(tmp_path):
    assert converted(tmp_path, "s\nNA\nNA\n") == [{"s": b"NA"}] * 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("9223372036854775809", "whole number that would become 9223372036854775808:"),
        ("18446744073709551615", "whole number that would become 18446744073709551616:"),
        ("-9223372036854775809", "whole number that would become -9223372036854775808:"),
        ("9007199254740993.0", "whole number that would become 9007199254740992:"),
        (" 9007199254740993e0", "whole number that would become 9007199254740992:"),
        ("123456789012345678901234567890", "whole number that would become"),
        ("1e400", "is beyond double and would become infinite"),
        ("-1e400", "is beyond double and would become infinite"),
        ("1e-400", "is too small for double and would become 0"),
        ("-0.000001e-400", "is too small for double and would become 0"),
    ],
)
@pytest.mark.parametrize("rows", [0, BEYOND // 2])
def test_a_number_that_would_become_another_one_is_refused(tmp_path, text, told, rows):
    text = "x,id\n" + "a,0.5\n" * rows + f"b,{text}\n"
    if not rows:
        text += "c,0.5\n"
    with pytest.raises(tfr.ExampleError, match=told) as raised:
        converted(tmp_path, text)
    assert str(raised.value).startswith(f"{tmp_path}/in.csv: column 'id': row {rows} has '")
    assert "cast={'id': 'string'} keeps its text" in str(raised.value)
    assert not (tmp_path / "out.tfrecord").exists()


BITS = {"int64": "0xFFFFFFFFFFFFFFFF", "int32": "0X80000000", "int8": "0xff"}


@pytest.mark.parametrize("kind", BITS)
@pytest.mark.parametrize("before", ["", "-7\n0x10\n"])
def test_hexadecimal_digits_are_no_negative_number(tmp_path, kind, before):
    row = before.count("\n")
    cast = {"x": kind}
    message = (
        f"'x': row {row} has '{BITS[kind]}', which is beyond {kind}: "
        "cast={'x': 'string'} keeps its text$"
    )
    for given in [{"cast": cast}] + [{}] * (kind == "int64"):
        with pytest.raises(tfr.ExampleError, match=message):
            converted(tmp_path, f"x\n{before} {BITS[kind]}\n1\n", **given)
    assert converted(tmp_path, f"x\n{before}\n1\n", cast=cast)[-1] == {"x": 1}
    assert converted(tmp_path, "x\n0x10\n-0\n-3\n") == [{"x": 16}, {"x": 0}, {"x": -3}]
    # So it is in tables whose columns are text.
    for values in ([None, BITS[kind]], [None, BITS[kind].encode()], [["-1"], ["1", BITS[kind]]]):
        with pytest.raises(tfr.ExampleError, match=rf"'x': row 1 has .*{BITS[kind]}'?, .* -\d"):
            write_table(pa.table({"x": values}), tmp_path / "set", cast=cast)


def test_the_text_of_such_a_number_is_kept_by_a_cast(tmp_path):
    text = "id\n9223372036854775809\n1e400\n"
    rows = converted(tmp_path, text, cast={"id": "string"})
    assert rows == [{"id": b"9223372036854775809"}, {"id": b"1e400"}]


@pytest.mark.parametrize("given", [{"cast": {"x": "float32"}}, {"features": {"x": float}}])
def test_a_float32_that_is_asked_for_is_rounded_but_neither_infinite_nor_0(tmp_path, given):
    text = "x\n9223372036854775809\n16777217\n3.4028235e+38\n1e-45\n0e9\n-inf\n"
    found = [row["x"] for row in converted(tmp_path, text, **given)]
    assert found == [2.0**63, 2.0**24, np.finfo("f4").max, np.float32(1e-45), 0, -np.inf]
    for lost, told in (("1e39", "infinite"), ("3.4028236e38", "infinite"), ("1e-46", "0")):
        with pytest.raises(tfr.ExampleError, match=f"row 1 has '{lost}'.* float .*become {told}"):
            converted(tmp_path, f"x\n1\n{lost}\n", **given)


def test_the_text_of_a_float32_comes_back_without_a_cast(tmp_path):
    floats = np.array([0.5, 3.4028235e38, -3e10, 1e23, 1e20, 1e-45, 1e16], np.float32)
    tfr.write_examples(tmp_path / "a.tfrecord", {"x": floats})
    convert(tmp_path / "a.tfrecord", tmp_path / "a.csv")
    convert(tmp_path / "a.csv", tmp_path / "b.tfrecord")
    assert of_set(tmp_path / "b.tfrecord") == of_set(tmp_path / "a.tfrecord")


def test_a_float64_that_is_asked_for_is_not_rounded_to_float32(tmp_path):
    features = {"x": tfr.RawFeature((), np.float64)}
    found = converted(tmp_path, "x\n1e22\n0.1\n", features=features)
    assert [np.frombuffer(row["x"], "<f8").item() for row in found] == [1e22, 0.1]
    with pytest.raises(tfr.ExampleError, match="row 0 has '1e23', which is a whole number"):
        converted(tmp_path, "x\n1e23\n", features=features)


@pytest.mark.parametrize("text", ["20000001.0", "30000000000.0", "1.23456789e20", "3.4028236e38"])
def test_a_whole_number_that_is_no_text_of_a_float32_is_refused(tmp_path, text):
    with pytest.raises(tfr.ExampleError, match="'x': row 1.* whole number that .*float32"):
        converted(tmp_path, f"x\n0.5\n{text}\n")


def test_text_after_a_block_of_floats_is_named(tmp_path):
    with pytest.raises(tfr.ExampleError, match=r"'x': row 400000 has 'seven', which is no double"):
        converted(tmp_path, "x,y\n" + "0.5,\n" * 400_000 + "seven,\n")


@pytest.mark.parametrize(
    ("cell", "kind"), [('""', "float32"), ("x", "int64"), ("300", "int8"), ("-1", "uint8")]
)
def test_what_is_not_of_the_type_that_was_given_is_named(tmp_path, cell, kind):
    text = cell.strip('"')
    with pytest.raises(tfr.ExampleError, match=rf"'x': row 1 has '{text}', which is no .*as cast="):
        converted(tmp_path, f"x\n1\n{cell}\n", cast={"x": kind})


def test_halves_are_read_of_text(tmp_path):
    assert converted(tmp_path, "x\n1.5\n", cast={"x": "float16"}) == [{"x": 1.5}]
    with pytest.raises(tfr.ExampleError, match="'x': row 0 has '70000', which is beyond halffloat"):
        converted(tmp_path, "x\n70000\n", cast={"x": "float16"})


@pytest.mark.parametrize("kind", [np.int16, np.dtype("int8"), np.uint8, bool, np.float64])
def test_what_a_column_is_said_to_be_is_what_it_is_in_other_tables(tmp_path, kind):
    assert converted(tmp_path, "x\n1\n", cast={"x": kind}) == [{"x": 1}]
    write_table(pa.table({"x": [1]}), tmp_path / "set", cast={"x": kind})
    assert of_set(tmp_path / "set") == of_set(tmp_path / "out.tfrecord")
    for none in (3, None):
        with pytest.raises(ValueError, match=f"cast: column 'x': {none} is no type of Arrow's"):
            converted(tmp_path, "x\n1\n", cast={"x": none})


def test_a_row_that_no_block_holds_is_told(tmp_path):
    with pytest.raises(tfr.TFRecordError, match="a row has more than 1 MiB"):
        converted(tmp_path, "x,y\n1,2\n" + "x" * 3 * BEYOND + ",1\n")


# There and back.

FEATURES = {"s": str, "i": int, "f": float, "b": bytes}
TYPES = {"s": pa.string(), "i": pa.int64(), "f": pa.float32(), "b": pa.binary()}
INTEGERS = [0, -1, 2**63 - 1, -(2**63), 2**53 + 1, 7]
FLOATS = [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 3.4028235e38, 1e-45, 16777216.0]
PIECES = ["\n", "\r\n", "\r", '"', '""', ",", " ", "NA", "nan", "1e400", "ö", "\t", "\\", "'", "x"]


def random_value(random, name, long):
    if random.random() < 0.2:
        return None
    if name == "i":
        return random.choice([*INTEGERS, random.randrange(-(2**63), 2**63)])
    if name == "f":
        any_float = struct.unpack("<f", random.randbytes(4))[0]
        return random.choice([*FLOATS, any_float if any_float == any_float else 0.5])
    text = "".join(random.choices(PIECES, k=random.randrange(200 if long else 6)))
    return text if name == "s" else text.encode()


@pytest.mark.parametrize("names", ["s", "i", "f", "b", "sifb", "fs"])
@pytest.mark.parametrize("count", [1, 40, 10_000])
def test_random_records_come_back_value_for_value(tmp_path, names, count):
    chosen = random.Random(f"{names}{count}")
    columns = {
        name: [random_value(chosen, name, count > 1000) for _ in range(count)] for name in names
    }
    features = {name: FEATURES[name] for name in names}
    tfr.write_examples(tmp_path / "a.tfrecord", columns, features)
    types = {name: TYPES[name] for name in names}
    convert(tmp_path / "a.tfrecord", tmp_path / "a.csv", features=types)
    if count > 1000 and set(names) & set("sb"):
        assert (tmp_path / "a.csv").stat().st_size > BEYOND
    for dst in ("b.tfrecord", "b"):
        assert convert(tmp_path / "a.csv", tmp_path / dst, features=features) == count
        assert of_set(tmp_path / dst) == of_set(tmp_path / "a.tfrecord")


def test_names_of_columns_come_back(tmp_path):
    columns = {name: ["x"] for name in ("a,b", 'q"q', "l\nl", " s ", "ö")}
    tfr.write_examples(tmp_path / "a.tfrecord", columns)
    convert(tmp_path / "a.tfrecord", tmp_path / "a.csv")
    convert(tmp_path / "a.csv", tmp_path / "b.tfrecord")
    assert of_set(tmp_path / "b.tfrecord") == of_set(tmp_path / "a.tfrecord")


def test_a_table_without_columns_is_no_csv(tmp_path):
    source = tmp_path / "a.tfrecord"
    tfr.write_records(source, [])
    with pytest.raises(tfr.ExampleError, match="no columns, of which CSV has no form.* features="):
        convert(source, tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()
    assert convert(source, tmp_path / "a.csv", features={"a": int, "b": float}) == 0
    assert (tmp_path / "a.csv").read_bytes() == b'"a","b"\n'
    assert convert(tmp_path / "a.csv", tmp_path / "b.tfrecord") == 0
    for name in ("a.parquet", "a.arrow", "a.jsonl"):
        assert convert(source, tmp_path / name) == 0
        assert convert(tmp_path / name, tmp_path / "b.tfrecord", overwrite=True) == 0


def test_columns_that_are_bytes_by_their_features(tmp_path):
    features = {"bytes": tfr.RaggedFeature(np.uint8), "moment": tfr.RawFeature([], "M8[s]")}
    text = "bytes,moment\n12,12345678\nabc,2020-0-1\n"
    assert converted(tmp_path, text, features=features) == [
        {"bytes": b"12", "moment": b"12345678"},
        {"bytes": b"abc", "moment": b"2020-0-1"},
    ]
