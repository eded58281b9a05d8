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
        ("True", [0, 1, 2, 3, 4]),
        ("1 > 2", []),
        (" label\n == 3 ", None),
    ],
)
def test_what_they_mean(text, meant):
    if meant is None:
        if "quoted" in text:
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
        ("len(words) > 2", r"len\(words\): there is names"),
        ("label.real > 2", "label.real: there is"),
        ("words[0] == 'a'", "there is"),
        ("label ** 2 > 4", "there is"),
        ("label << 2", "there is"),
        ("~label", "there is"),
        ("lambda: 1", "there is"),
        ("(label := 3)", "there is"),
        ("f'{label}' == 'a'", "there is"),
        ("label if label else 3", "there is"),
        ("[x for x in (1, 2)]", "there is"),
        ("label is 3", "can be None"),
        ("3 is None", "can be None"),
        ("None == label", "there is"),
        ("label in 3", "FEATURE in"),
        ("label in words", "FEATURE in"),
        ("1 < label in (3, 4)", "one comparison at a time"),
        ("label > 100000000000000000000", "64 bits"),
        ("1j > label", "there is"),
        ("label == " + "(" * 3000 + "1" + ")" * 3000, "no expression"),
        ("label > 1" + " or label > 1" * 2000, "characters"),
        ("-" * 5000 + "1", "no expression"),
    ],
)
def test_what_is_none(text, told):
    with pytest.raises(ValueError, match=told):
        Expression(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("label == 'x'", "a number and a bytes cannot be compared"),
        ("`image/class` > name", "`image/class` > name: a number and a bytes"),
        ("name", "neither true nor false"),
        ("name + 1 > 2", "name: no number"),
        ("label in (1, 'x')", "cannot be compared"),
        ("1 in words", "cannot be compared"),
        ("(label > 1) + 1", "no number"),
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
