"""``where``: what expressions mean, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.jobs.expressions import Expression
from tfrecord_lite.records.framing import RecordBlock


def ragged(rows, dtype):
    flat = np.empty(sum(map(len, rows)), dtype)
    flat[:] = [value for row in rows for value in row]
    return Ragged(flat, np.cumsum([0, *map(len, rows)]))


LABELS: list[list[int]] = [[3], [7], [-1], [], [2**62]]
COLUMNS = {
    "label": ragged(LABELS, np.int64),
    "price": ragged([[0.1], [2.5], [float("nan")], [0.0], []], np.float32),
    "name": ragged([[b"cat"], [b"\xc3\xb6l"], [b""], [b"a\0"], []], object),
    "words": ragged([[b"a", b"b"], [], [b"b"], [b"c", b"c"], []], object),
    "image/class": ragged([[1], [1], [2], [2], [3]], np.int64),
}
BLOCK = RecordBlock.from_records([b""] * 5)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("label > 2", [0, 1, 4]),
        ("not label > 2", [2]),
        ("label", [0, 1, 2, 4]),
        ("not label", []),
        ("label == 3 or label == 7", [0, 1]),
        ("label in (3, 7, 9)", [0, 1]),
        ("label not in [3, 7]", [2, 4]),
        ("label in {-1}", [2]),
        ("0 < label <= 7", [0, 1]),
        ("label is None", [3]),
        ("label is not None and label < 5", [0, 2]),
        # What is missing is neither; what decides, decides.
        ("label > 5 or price == 0", [1, 3, 4]),
        ("label == 3 and price > 5", []),
        ("not (label == 3 and price > 5)", [0, 1, 2, 3, 4]),
        ("not (label == 3 or price == 0)", [1, 2]),
        ("price == 0.1", [0]),
        ("price != price", [2]),
        ("label / 2 == 1.5 or label // 2 == 3", [0, 1]),
        ("label % 2 == 1", [0, 1, 2]),
        ("1 / (label - 3) < 1", [1, 2, 4]),
        ("label % (label - 7) == -1", [0, 2]),
        ("-label > 0 or +label == 3", [0, 2]),
        ("label + 1 == 2 * 4 - 0", [1]),
        # As `or` has it: a value that is there decides, and a missing one leaves it open.
        ("label in (3, price)", [0]),
        ("label not in (3, price)", [1, 2]),
        ("label in ()", []),
        ("label not in ()", [0, 1, 2, 3, 4]),
        # As `and` has it.
        ("not (5 < label < price)", [0, 1, 2]),
        ("not (price < 0 < label)", [0, 1, 2, 3]),
        ("(label > 5) == (price > 1)", [0, 1, 2]),
        ("-3 in label or -1 in label", [2]),
        ("+3 in label", [0]),
        # What is folded is what is written.
        ("price == 1 / 10 or price == 5 * 0.5", [0, 1]),
        ("price in (1 / 10, 5)", [0]),
        ("0.1 in price", [0]),
        ("label * 0.1 == 3 * 0.1", [0]),
        ("label <= 4611686018427387904.0", [0, 1, 2, 4]),
        ("label + 4611686018427387903 == 9223372036854775807", [4]),
        ("label >= -9223372036854775808", [0, 1, 2, 4]),
        ("label > 1e300 or label < -1e300", []),
        ("+".join(["label"] * 150) + " == 450", None),
        ("name == 'cat'", [0]),
        ("name == 'öl' or name == b'cat'", [0, 1]),
        (r"name == b'a\0'", [3]),
        (r"name == 'a'", []),
        ("name < 'b'", [2, 3]),
        ("'b' in words", [0, 2]),
        ("'c' not in words", [0, 1, 2, 4]),
        ("words is None", [1, 4]),
        ("3 in label", [0]),
        ("`image/class` == 2", [2, 3]),
        ("`image/class` in (1, 3) and name != '`label`'", [0, 1]),
        ("quoted_0 == 3", None),
        ("name == '''it's `cat`''' or (1 # it's `x`\n == 1)", [0, 1, 2, 3, 4]),
        ("True", [0, 1, 2, 3, 4]),
        ("1 > 2", []),
        (" label\n == 3 ", None),
    ],
)
def test_what_they_mean(text, meant):
    if meant is None:
        if "450" in text:
            with pytest.raises(ValueError, match="more than 64 bits"):
                Expression(text)(BLOCK, COLUMNS)
            small = {**COLUMNS, "label": ragged([[3], [7], [], [], []], np.int64)}
            assert np.flatnonzero(Expression(text)(BLOCK, small)).tolist() == [0]
        elif "quoted" in text:
            assert Expression(text + " and `x` == 1").names == ["quoted_0", "x"]
        else:
            with pytest.raises(ValueError, match="no expression"):
                Expression(text)
        return
    expression = Expression(text)
    chosen = expression(BLOCK, COLUMNS)
    assert chosen.dtype == bool
    assert np.flatnonzero(chosen).tolist() == meant
    expression.check_kinds(
        {"label": np.int64, "price": np.float32, "name": bytes, "words": bytes}
        | {"image/class": np.int64}
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no expression"),
        ("label >", "no expression"),
        ("label = 3", "no expression"),
        ("len(words) > 2", r"len\(words\): not supported; .* names of features"),
        ("label.real > 2", "label.real: not supported"),
        ("words[0] == 'a'", "not supported; expressions consist of"),
        ("label ** 2 > 4", "not supported; expressions consist of"),
        ("label << 2", "not supported; expressions consist of"),
        ("~label", "not supported; expressions consist of"),
        ("lambda: 1", "not supported; expressions consist of"),
        ("(label := 3)", "not supported; expressions consist of"),
        ("f'{label}' == 'a'", "not supported; expressions consist of"),
        ("label if label else 3", "not supported; expressions consist of"),
        ("[x for x in (1, 2)]", "not supported; expressions consist of"),
        ("label is 3", "can be None"),
        ("3 is None", "can be None"),
        ("None == label", "not supported; expressions consist of"),
        ("label in 3", "FEATURE in"),
        ("label in words", "FEATURE in"),
        ("1 < label in (3, 4)", "one comparison at a time"),
        ("label > 100000000000000000000", "64 bits"),
        ("1j > label", "not supported; expressions consist of"),
        ("label == " + "(" * 3000 + "1" + ")" * 3000, "no expression"),
        ("label > 1" + " or label > 1" * 2000, "characters"),
        ("-" * 5000 + "1", "no expression|too deep"),
        ("+".join(["label"] * 400) + " > 0", "nested too deeply; at most 200 operations"),
        ("not " * 300 + "label", "nested too deep"),
        ("label > 9223372036854775808", "64 bits"),
        ("label > -9223372036854775809", "64 bits"),
        ("-label > - -9223372036854775809", "64 bits"),
        ("label > 0x" + "f" * 5000, "64 bits"),
        ("price < 1e999", "beyond float64"),
        ("µ == 1", "name 'µ' for this one; put it in backticks: `µ`"),
        ("(label == 1 or\n 'ö' == x and ﬁ == 2)", "`ﬁ`"),
        ("x`label` == 1", "no expression"),
        ("name == 'x\0'", "no expression"),
        ("name == 'x\ud800'", "no expression"),
        (r"name == '\ud800'", "surrogates"),
        ("None in words", "FEATURE in"),
    ],
)
def test_what_is_none(text, told):
    with pytest.raises(ValueError, match=told):
        Expression(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("label == 'x'", "a number and a string cannot be compared"),
        ("`image/class` > name", "`image/class` > name: a number and a string"),
        ("name", "neither true nor false"),
        ("name + 1 > 2", "name: not a number"),
        ("label in (1, 'x')", "cannot be compared"),
        ("1 in words", "cannot be compared"),
        ("(label > 1) + 1", "not a number"),
        ("-(label > 1) > 0", "not a number"),
        ("-True > 0", "not a number"),
        (
            "True in label",
            "a condition and a number cannot be compared",
        ),
        (
            "label > 9223372036854775807 + 1",
            "9223372036854775807 \\+ 1: an integer of more than 64",
        ),
        ("label > 9223372036854775807 * 2 - 1", "an integer of more than 64 bits"),
        ("label > -(-9223372036854775808)", "an integer of more than 64 bits"),
        ("label < 1e308 * 10", "beyond float64"),
    ],
)
def test_what_does_not_fit_the_features(text, told):
    kinds = {"label": np.int64, "name": bytes, "words": bytes, "image/class": np.int64}
    with pytest.raises(ValueError, match=told):
        Expression(text).check_kinds(kinds)


def test_records_that_do_not_fit():
    with pytest.raises(tfr.ExampleError, match=r"record 0.* 'words' has 2 values where one is"):
        Expression("words == 'a'")(BLOCK, COLUMNS)
    with pytest.raises(ValueError, match="an integer of more than 64 bits"):
        Expression("label * 4 > 3")(BLOCK, COLUMNS)


LEAST, MOST = -(2**63), 2**63 - 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("n + 0 == n", [0, 1, 2]),
        ("n - 0 == n * 1", [0, 1, 2]),
        ("n // 1 == n and n % 9223372036854775807 < 9223372036854775807", [0, 1, 2]),
        ("n == 9223372036854775807", [1]),
        ("n <= -9223372036854775808", [0]),
        ("n < 9223372036854775808.0", [0, 1, 2]),
        ("9223372036854775808.0 > n", [0, 1, 2]),
        ("n == 9223372036854775808.0", []),
        ("n != f", [1, 2]),
        ("n == f", [0]),
        ("n < f", [1, 2]),
        ("f > n", [1, 2]),
        ("f in (1, n)", [0]),
        ("n in (1, f)", [0]),
        ("n > 9223372036854775807 + 1 // 0", []),
        # What is missing has no value that could be too large.
        ("9223372036854775807 + missing > 0 or n > 5", [1]),
        ("missing - n > 0 or missing * n > 0", []),
        # As floats the product is below 2**63, and is not.
        ("(n % 3 + 89547301328687142) * 103 > 0", None),
        ("-n > 0", None),
        ("n * -1 > 0", None),
        ("0 - n > 0", None),
        ("n // -1 > 0", None),
        ("n + n > 0", None),
        ("n * n > 0", None),
        ("n - 1 > 0 ", None),
    ],
)
def test_integers_are_exact(text, meant):
    block = RecordBlock.from_records([b""] * 3)
    columns = {
        "n": ragged([[LEAST], [MOST], [2]], np.int64),
        "f": ragged([[-(2.0**63)], [2.0**63], [2.1]], np.float32),
        "missing": ragged([[], [], []], np.int64),
    }
    expression = Expression(text)
    if meant is None:
        with pytest.raises(ValueError, match="more than 64 bits; compute with floats"):
            expression(block, columns)
    else:
        assert np.flatnonzero(expression(block, columns)).tolist() == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("f == 1e39", []),
        ("f < 1e39", [1, 2, 3, 4]),
        ("1e39 in f", []),
        ("f in (1e39, 1)", []),
        ("f > 3.5e38", [0]),
        # Not what float32 makes of it, which is 0.
        ("f == 1e-60", []),
        ("f >= 1e-60 and f < 1", [2, 4]),
        ("f == 1e-45", [2]),
        ("f == 0 and f == -0.0", [1]),
        ("f == 16777217", []),
        ("f == 16777216", [3]),
        ("f * 10 == 1", [4]),
        # What is computed may be beyond float32.
        ("f * 1e38 > 1e46", [0]),
        ("f * 1e38 > 1e44", [0, 3]),
        ("f % 0 == 0 or f / 0 > 0", []),
    ],
)
def test_floats_of_records_and_of_the_expression(text, meant):
    values = [float("inf"), -0.0, 1e-45, 16777216.0, 0.1]
    columns = {"f": ragged([[value] for value in values], np.float32)}
    found = Expression(text)(RecordBlock.from_records([b""] * 5), columns)
    assert np.flatnonzero(found).tolist() == meant


def test_names_are_those_that_are_written():
    expression = Expression("`µ` == 1 and `ﬁ` == 1 and `it's` == 1 and größe == 1")
    assert expression.names == ["µ", "ﬁ", "it's", "größe"]
    with pytest.raises(TypeError, match="an expression is a str"):
        Expression(b"label == 1")  # type: ignore[arg-type]


def test_a_stack_that_is_almost_full():
    """What is nested is refused or works, wherever it is called."""
    expression = Expression("+".join(["`image/class`"] * 190) + " == 190")

    def called(depth):
        return called(depth - 1) if depth else expression(BLOCK, COLUMNS)

    with pytest.raises(ValueError, match="nested too deep"):
        called(600)
    assert np.flatnonzero(called(0)).tolist() == [0, 1]
