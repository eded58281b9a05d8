"""CSV, read a batch at a time: what is missing is told from what is empty, and no number changes.

Arrow rounds whatever is written as a number: an integer beyond int64 is a float to it, 1e400 is
infinite and 1e-400 is 0; and hexadecimal digits are bits to it, so that 0xFFFFFFFFFFFFFFFF is -1.
So columns of floats and integers are read as text, and the text of each number that may be another
one is looked at.
"""

from __future__ import annotations

import io
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfrecord_lite.arrow.arrays import HEXADECIMAL, first_refused, leaf_of, no_rows
from tfrecord_lite.arrow.types import is_bytes, natural_form, type_said
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.features import SparseFeature
from tfrecord_lite.example.floats import LARGEST_EXACT, LARGEST_WHOLE
from tfrecord_lite.example.normalize import SPECS
from tfrecord_lite.example.quote import quote
from tfrecord_lite.records.file_system import open_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

__all__ = ["read_csv"]

# The types of columns are those of the rows in so many bytes.
_BLOCK_BYTES: Final = 1 << 20
# Text that is no zero, and text that is none of the words for what is infinite.
_NOT_ZERO: Final = "^[^eE]*[1-9]"
_FINITE: Final = "[0-9]"


def read_csv(path: str, types: Mapping[str, Any]) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Yield batches, first one of no rows, and how many bytes have been read for them.

    ``types`` are those of columns, where they are known: feature classes, names of Arrow's types or
    these. An empty value is missing, unless it is in quotes; nothing else is. In a file of one
    column that is an empty line.

    Raises `ExampleError`, with column, row and text, for a number that would become another one:
    for a finite one that would be infinite or 0, for one in hexadecimal digits that would be
    negative, and, unless ``types`` say float32, for a whole number that would be rounded. What else
    is wrong Arrow raises.
    """
    known = {name: _type_of(name, given) for name, given in types.items()}
    with io.BufferedReader(open_file(path)) as file:
        source: io.BufferedIOBase = file
        head = source.read(2 * _BLOCK_BYTES)
        # Empty lines before the names are no values, even of one column.
        begin = len(head) - len(head.lstrip(b"\r\n"))
        if len(head) < 2 * _BLOCK_BYTES and _is_one_line(head[begin:]):
            # Names without a line end are nothing to Arrow; with one they have no rows.
            head += b"\n"
            source = io.BytesIO(head)
        numbers = {name: kind for name, kind in known.items() if _is_number(kind)}
        known.update(dict.fromkeys(numbers, pa.string()))
        schema = _opened(io.BytesIO(head[begin:]), known).schema
        numbers.update({field.name: field.type for field in schema if _is_number(field.type)})
        source.seek(begin)
        known.update(dict.fromkeys(numbers, pa.string()))
        reader = _opened(source, known, one_column=len(schema) == 1)
        types_read = [numbers.get(field.name, field.type) for field in schema]
        yield no_rows(pa.schema(list(zip(schema.names, types_read, strict=True)))), 0
        done = 0
        for batch in reader:
            columns = [
                _Numbers(path, name, texts, done, given=name in types).parsed(numbers[name])
                if name in numbers
                else texts
                for name, texts in zip(batch.schema.names, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, batch.schema.names), source.tell()
            done += batch.num_rows


def _is_one_line(text: bytes) -> bool:
    """Tell whether this is one line without its end; in quotes there may be ends of lines."""
    inside = re.sub(rb'"[^"]*"', b"", text)
    return bool(text) and not any(sign in inside for sign in (b"\r", b"\n", b'"'))


def _opened(source: Any, types: Mapping[str, pa.DataType], *, one_column: bool = False) -> Any:
    from pyarrow import csv

    return csv.open_csv(
        source,
        # One thread knows the numbers of rows, for its errors.
        read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=not one_column),
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _type_of(name: str, given: Any) -> pa.DataType:
    if not isinstance(given, SPECS):
        return type_said(name, given)
    if isinstance(given, SparseFeature):  # no column, but one may be called so
        return pa.from_numpy_dtype(given.dtype) if given.dtype is not bytes else pa.string()
    leaf = leaf_of(natural_form(name, given, None, "binary").type)
    return pa.string() if is_bytes(leaf) else leaf


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


class _Numbers:
    """The text of numbers of a column in some rows; errors call the first ``first_row``.

    ``given`` says that the column's type was.
    """

    def __init__(
        self, path: str, name: str, texts: pa.Array, first_row: int, *, given: bool
    ) -> None:
        self._path = path
        self._name = name
        self._texts = texts
        self._first_row = first_row
        self._given = given

    def parsed(self, kind: pa.DataType) -> pa.Array:
        """Return the numbers; `ExampleError` for what is none, or would become another one."""
        numbers = self._parsed(kind)
        # Those that are missing are NaN here.
        values = numbers.to_numpy(zero_copy_only=False)
        if pa.types.is_integer(kind):
            self._check(values < 0, HEXADECIMAL, f"is beyond {kind}")
            return numbers
        self._check(values == 0, _NOT_ZERO, f"is too small for {kind} and would become 0")
        self._check(np.isinf(values), _FINITE, f"is beyond {kind} and would become infinite")
        if kind != pa.float64():
            return numbers
        rounded = self._rounded(values)
        if not rounded:
            return numbers
        values = values.copy()
        values[list(rounded)] = list(rounded.values())
        return pa.array(values, mask=numbers.is_null().to_numpy(zero_copy_only=False))

    def _parsed(self, kind: pa.DataType) -> pa.Array:
        try:
            return self._texts.cast(kind)
        except pa.ArrowInvalid:
            # Few files have spaces around their numbers, which CSV of Arrow's takes.
            self._texts = pc.ascii_trim(self._texts, characters=" \t")
        try:
            return self._texts.cast(kind)
        except pa.ArrowInvalid:
            raise self._no_number(kind) from None

    def _check(self, suspicious: npt.NDArray[np.bool_], pattern: str, reason: str) -> None:
        rows = np.flatnonzero(suspicious)
        if not rows.size:
            return
        found = pc.match_substring_regex(self._texts.take(pa.array(rows)), pattern)
        wrong = found.to_numpy(zero_copy_only=False)
        if wrong.any():
            raise self._lost(int(rows[np.argmax(wrong)]), f"{reason}: {self._as_text()}")

    def _rounded(self, values: npt.NDArray[np.float64]) -> dict[int, float]:
        """Return rows of whole numbers that are a float32's text, and that float32.

        ``3.4028235e+38`` is how a float32 is written, and that is another whole number. The error
        is for those that a float64 does not hold either.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            narrow = values.astype(np.float32)
            size = np.abs(values)
            other = (size >= LARGEST_EXACT) | (narrow != values)
            whole = (size > LARGEST_WHOLE) & (np.trunc(values) == values) & np.isfinite(values)
        found = {}
        for row in np.flatnonzero(whole & other).tolist():
            text = self._texts[row].as_py()
            meant = Decimal(text)
            if not self._given and "e" in text.lower() and meant == Decimal(str(narrow[row])):
                found[row] = float(narrow[row])
            elif meant == meant.to_integral_value() and meant != Decimal(values[row]):
                raise self._lost(
                    row,
                    f"is a whole number that would become {Decimal(values[row])}: "
                    f"{self._as_text()}, cast={{{quote(self._name)}: 'float32'}} rounds it",
                )
        return found

    def _as_text(self) -> str:
        return f"cast={{{quote(self._name)}: 'string'}} keeps its text"

    def _lost(self, row: int, reason: str) -> ExampleError:
        return ExampleError(
            f"column {quote(self._name)}: row {self._first_row + row} has "
            f"{quote(self._texts[row].as_py())}, which {reason}",
            path=self._path,
        )

    def _no_number(self, kind: pa.DataType) -> ExampleError:
        what = "as the first rows are: cast= says what a column has"
        if self._given:
            what = f"as cast= or features= say: {self._as_text()}"
        row = first_refused(self._texts, lambda some: some.cast(kind))
        return self._lost(row, f"is no {kind}, {what}")
