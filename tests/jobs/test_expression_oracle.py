"""``where`` beside an evaluator that takes each record by itself, in Python's own numbers.

Integers have any size there, an int and a float are compared as the numbers that they are, and None
is what is unknown.
"""

from __future__ import annotations

import math
import operator
import random
import struct
from typing import Any, NamedTuple

import numpy as np
import pytest
from variants import few_or_many

from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.jobs.expressions import Expression
from tfrecord_lite.records.framing import RecordBlock

INTEGERS = [0, 1, -1, 2, 3, 7, 2**24 + 1, 2**31, 2**53, 2**53 + 1, -(2**53) - 1]
INTEGERS += [2**62, -(2**62), 2**63 - 1, 2**63 - 2, 2**63 - 512, -(2**63), -(2**63) + 1]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.1, 0.5, 2.5, 1e-45, 1e-39, -1e-45, 16777216.0, 3.4028234e38]
FLOATS += [2.0**53, 2.0**62, 2.0**63, -(2.0**63), 2.0**64, 3.0e38, -3.4028234e38]
OF_RECORDS = [*FLOATS, math.inf, -math.inf, math.nan]
OF_TEXTS = [*FLOATS, 1e39, -1e39, 1e-60, 3.4028235677973366e38, 1e300, 9223372036854774784.0]
BYTES = [b"", b"a", b"b", b"\xc3\xb6", b"a\0"]
ROWS = 40

COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


class Number(NamedTuple):
    value: float | None  # None: unknown
    of: str  # "integer", "float32", "float64" or "constant"


def as_float32(value: float) -> float:
    """Return the float32 nearest to it, or itself where that is infinite or 0."""
    try:
        near: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return value
    return near or value


def in_int64(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise OverflowError
    return value


def meeting(left: Number, right: Number) -> tuple[Any, Any, bool]:
    """Return both values, with constants as float32 has them, and whether it is of float32."""
    narrow = {left.of, right.of} in ({"float32"}, {"float32", "constant"})
    both = [
        as_float32(side.value)
        if narrow and side.of == "constant" and isinstance(side.value, float)
        else side.value
        for side in (left, right)
    ]
    return both[0], both[1], narrow


def compare(sign: str, left: Any, right: Any) -> bool | None:
    if isinstance(left, Number):
        left, right, _ = meeting(left, right)
    return None if left is None or right is None else COMPARISONS[sign](left, right)


def compute(sign: str, left: Number, right: Number) -> Number:
    one, other, narrow = meeting(left, right)
    if one is None or other is None or (other == 0 and sign in "//%"):
        return Number(None, "constant")
    if left.of == right.of == "constant":
        found = in_int64(ARITHMETIC[sign](one, other))
        if not math.isfinite(found):
            raise OverflowError
        return Number(found, "constant")
    if isinstance(one, int) and isinstance(other, int) and sign != "/":
        return Number(in_int64(ARITHMETIC[sign](one, other)), "integer")
    found = ARITHMETIC[sign](float(one), float(other))
    return Number(as_float32(found), "float32") if narrow else Number(found, "float64")


def any_of(parts: list[bool | None]) -> bool | None:
    return True if True in parts else None if None in parts else False


def opposite(part: bool | None) -> bool | None:
    return None if part is None else not part


class Language:
    """Random expressions: a text, and what it is of one record."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def number(self, depth: int) -> tuple[str, Any]:
        choice = self.random
        if depth and choice.random() < 0.5:
            (left, of_left), (right, of_right) = self.number(depth - 1), self.number(depth - 1)
            if choice.random() < 0.2:
                minus = Number(-1, "constant")
                return f"-({left})", lambda row: compute("*", of_left(row), minus)
            sign = choice.choice(list(ARITHMETIC))
            return f"({left} {sign} {right})", lambda row: compute(
                sign, of_left(row), of_right(row)
            )
        if choice.random() < 0.35:
            value = choice.choice(choice.choice([INTEGERS, OF_TEXTS]))
            return repr(value), lambda row: Number(value, "constant")
        name = choice.choice("iIfF")
        return name, lambda row: Number(row[name], "integer" if name in "iI" else "float32")

    def text(self) -> tuple[str, Any]:
        if self.random.random() < 0.4:
            value = self.random.choice(BYTES)
            shown = repr(value if self.random.random() < 0.5 else value.decode())
            return shown, lambda row: value
        name = self.random.choice("sS")
        return name, lambda row: row[name]

    def operands(self, count: int) -> list[tuple[str, Any]]:
        if self.random.random() < 0.25:
            return [self.text() for _ in range(count)]
        return [self.number(self.random.choice([0, 0, 0, 1, 2])) for _ in range(count)]

    def truth(self, depth: int) -> tuple[str, Any]:
        choice = self.random
        if depth and choice.random() < 0.6:
            parts = [self.truth(depth - 1) for _ in range(choice.choice([1, 2, 3]))]
            texts, means = [text for text, _ in parts], [mean for _, mean in parts]
            if len(parts) == 1:
                return f"(not {texts[0]})", lambda row: opposite(means[0](row))
            if choice.random() < 0.5:
                return f"({' or '.join(texts)})", lambda row: any_of([m(row) for m in means])
            return f"({' and '.join(texts)})", lambda row: opposite(
                any_of([opposite(mean(row)) for mean in means])
            )
        return choice.choice([self.chain, self.chain, self.listed, self.within, self.missing])()

    def chain(self) -> tuple[str, Any]:
        parts = self.operands(self.random.choice([2, 2, 3, 4]))
        signs = self.random.choices(list(COMPARISONS), k=len(parts) - 1)
        text = parts[0][0] + "".join(
            f" {s} {part}" for s, (part, _) in zip(signs, parts[1:], strict=True)
        )

        def mean(row: Any) -> bool | None:
            found = [mean(row) for _, mean in parts]
            pairs = zip(signs, found, found[1:], strict=False)
            return opposite(any_of([opposite(compare(*pair)) for pair in pairs]))

        return f"({text})", mean

    def listed(self) -> tuple[str, Any]:
        (left, of_left), *others = self.operands(self.random.choice([1, 2, 3, 4]))
        inside = ", ".join(text for text, _ in others)

        def mean(row: Any) -> bool | None:
            value = of_left(row)
            return any_of([compare("==", value, other(row)) for _, other in others])

        if self.random.random() < 0.5:
            return f"({left} not in [{inside}])", lambda row: opposite(mean(row))
        return f"({left} in [{inside}])", mean

    def within(self) -> tuple[str, Any]:
        name = self.random.choice(["ii", "ff", "ss"])
        value: Any = self.random.choice(
            BYTES if name == "ss" else self.random.choice([INTEGERS, OF_TEXTS])
        )

        def mean(row: Any) -> bool:
            if name == "ss":
                return value in row[name]
            of = "integer" if name == "ii" else "float32"
            wanted = Number(value, "constant")
            return True in [compare("==", wanted, Number(one, of)) for one in row[name]]

        if self.random.random() < 0.5:
            return f"({value!r} not in {name})", lambda row: not mean(row)
        return f"({value!r} in {name})", mean

    def missing(self) -> tuple[str, Any]:
        name = self.random.choice(["i", "F", "S", "ii", "ss"])
        if self.random.random() < 0.5:
            return f"({name} is not None)", lambda row: row[name] not in (None, [])
        return f"({name} is None)", lambda row: row[name] in (None, [])


def some_rows(choice: random.Random) -> list[dict[str, Any]]:
    kinds = {"i": INTEGERS, "f": OF_RECORDS, "s": BYTES}
    rows = []
    for _ in range(ROWS):
        row: dict[str, Any] = {}
        # Small numbers, so that not all that is computed is too large.
        small = choice.random() < 0.9
        for name, values in kinds.items():
            some = [value for value in values if not small or name != "i" or abs(value) < 2**25]
            row[name] = choice.choice(some)
            row[name.upper()] = choice.choice([None, *some])
            row[name * 2] = choice.choices(some, k=choice.randrange(3))
        for name in "fF":
            if row[name]:
                row[name] = float(np.float32(row[name]))
        row["ff"] = np.float32(row["ff"]).tolist()
        rows.append(row)
    return rows


def column(rows: list[dict[str, Any]], name: str) -> Ragged:
    dtype: Any = {"i": np.int64, "f": np.float32, "s": object}[name[0].lower()]
    lists = [
        [] if (value := row[name]) is None else value if isinstance(value, list) else [value]
        for row in rows
    ]
    flat = np.empty(sum(map(len, lists)), dtype)
    flat[:] = [value for row in lists for value in row]
    return Ragged(flat, np.cumsum([0, *map(len, lists)]))


@few_or_many("count", 1500, 100_000)
def test_what_each_record_is_by_itself(count):
    refused = some = 0
    for seed in range(count):
        language = Language(seed)
        rows = some_rows(language.random)
        text, mean = language.truth(language.random.choice([0, 1, 2]))
        columns = {name: column(rows, name) for name in rows[0]}
        block = RecordBlock.from_records([b""] * ROWS)
        try:
            expected = [number for number, row in enumerate(rows) if mean(row) is True]
        except OverflowError:
            refused += 1
            with pytest.raises(ValueError, match=r"more than 64 bits|beyond float64"):
                Expression(text)(block, columns)
            continue
        assert np.flatnonzero(Expression(text)(block, columns)).tolist() == expected, text
        some += 0 < len(expected) < ROWS
    # All of it was tried.
    assert refused > count / 50
    assert some > count / 4
