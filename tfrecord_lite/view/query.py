"""Search, filter and sort: the numbers of the records that are meant, in the order wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.features import RaggedFeature
from tfrecord_lite.example.other_messages import is_sequence_example
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.sequence_columns import decode_sequences
from tfrecord_lite.jobs.choosing import Columns
from tfrecord_lite.jobs.expressions import Expression
from tfrecord_lite.view.looking import MOST_RECORDS, Looking
from tfrecord_lite.view.shown import read_content

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfrecord_lite._types import AnyArray, BoolArray, Int64Array
    from tfrecord_lite.example.ragged import Ragged
    from tfrecord_lite.records.framing import RecordBlock
    from tfrecord_lite.view.viewed_set import ViewedSet

__all__ = ["Query"]

_MOST_TEXT: Final = 1000
# Strings to be put in order are kept whole, in no more memory; each takes so much besides.
_KEYS_BYTES: Final = 1 << 28
_BYTES_OF_KEY: Final = 64
# By so many records it is found out which kind a feature has.
_KINDS_OF: Final = 2000


class Query(Looking):
    """The records for which ``where`` is true and in which ``text`` is, sorted by a feature.

    Raises ValueError for what is no expression, and for a feature that is not there.
    """

    def __init__(
        self,
        viewed: ViewedSet,
        *,
        where: str = "",
        text: str = "",
        sort: str = "",
        descending: bool = False,
        most: int = MOST_RECORDS,
    ) -> None:
        super().__init__(viewed, most)
        if len(text) > _MOST_TEXT:
            raise ValueError(f"a text of {len(text):,} characters; {_MOST_TEXT:,} are the most")
        self._where = Expression(where) if where.strip() else None
        self._sort = sort
        self._descending = descending
        self._needle = _whatever_the_case(text) if text else None
        names = [*(self._where.names if self._where else []), *([sort] if sort else [])]
        self._columns = None
        kinds: dict[str, Any] = {}
        if names:
            kinds = self._kinds_of(list(dict.fromkeys(names)))
            if self._where is not None:
                self._where.check_kinds(kinds)
            self._features = {name: RaggedFeature(kind) for name, kind in kinds.items()}
            self._columns = Columns(self._features)
        self._sorts_bytes = kinds.get(sort) is bytes
        self._found: list[Int64Array] = []
        self._keys: list[AnyArray] = []
        self._keys_bytes = 0
        self._known: list[BoolArray] = []
        self._ordered: Int64Array | None = None
        self.matched = 0
        self.not_looked_into = 0

    def _kinds_of(self, names: list[str]) -> dict[str, Any]:
        """Return the kind of features in the first records, of those that are Examples."""
        kinds: dict[str, Any] = {}
        lists: set[str] = set()
        looked_at = 0
        for block, _ in self._blocks():
            for data in block[: _KINDS_OF - looked_at]:
                content = read_content(data)
                lists |= content.lists.keys()
                for name, value in content.features.items():
                    if value is not None:
                        kinds.setdefault(name, bytes if isinstance(value, list) else value.dtype)
            looked_at += len(block)
            if looked_at >= _KINDS_OF or kinds.keys() >= set(names):
                break
        for name in names:
            if name in lists - kinds.keys():
                raise ValueError(
                    f"{quote(name)} is a feature list; name a feature of Examples or of the context"
                )
            if name not in kinds:
                there = ", ".join(map(quote, list(kinds)[:20])) or "none"
                raise ValueError(
                    f"there is no feature {quote(name)} in the first records; there are: {there}"
                )
        return {name: bytes if kinds[name] is bytes else kinds[name].type for name in names}

    def _add(self, block: RecordBlock, numbers: Int64Array) -> None:
        columns: Mapping[str, Ragged] = {}
        meant = np.ones(len(block), bool)
        if self._columns is not None:
            try:
                columns = self._columns_of(block)
                if self._where is not None:
                    meant = self._where(block, columns)
            except ExampleError:
                self._add_one_by_one(block, numbers)
                return
        rows = np.flatnonzero(meant)
        if self._needle is not None:
            rows = rows[[_has(self._needle, block[row]) for row in rows.tolist()]]
        if not len(rows):
            return
        self.matched += len(rows)
        if self._sort:
            keys, known = self._keys_of(columns[self._sort], rows)
            self._keys.append(keys)
            self._known.append(known)
        self._found.append(numbers[rows])

    def _columns_of(self, block: RecordBlock) -> Mapping[str, Ragged]:
        """Return the columns of Examples, or those of the context of SequenceExamples."""
        assert self._columns is not None
        if is_sequence_example(block[0]):
            return decode_sequences(block, self._features, {}, strict=True).context
        return self._columns(block)

    def _add_one_by_one(self, block: RecordBlock, numbers: Int64Array) -> None:
        """Look at records of several kinds, or of which one has values where one is meant."""
        if len(block) > 1:
            half = len(block) // 2
            for part, own in ((block[:half], numbers[:half]), (block[half:], numbers[half:])):
                self._add(part, own)
        else:
            self.not_looked_into += 1

    def _keys_of(self, column: Ragged, rows: Int64Array) -> tuple[AnyArray, BoolArray]:
        """Return the first value of each record, and where there is one."""
        begins, ends = column.row_splits[:-1][rows], column.row_splits[1:][rows]
        known = ends > begins
        values: Any = column.values
        if self._sorts_bytes:
            # As objects: those of a fixed size have no zeros at their end.
            keys = np.full(len(rows), b"", object)
            for row in np.flatnonzero(known).tolist():
                keys[row] = values[begins[row]]
                self._keys_bytes += len(keys[row]) + _BYTES_OF_KEY
            if self._keys_bytes > _KEYS_BYTES:
                self._keys = []
                raise ValueError(
                    f"the values of {quote(self._sort)} have more than {_KEYS_BYTES >> 20} MiB: "
                    "too many to be put in order; search for fewer records"
                )
        else:
            keys = np.zeros(len(rows), values.dtype)
            keys[known] = values[begins[known]]
            if values.dtype.kind == "f":
                known = known & ~np.isnan(keys)
        return keys, known

    def _finish(self) -> None:
        if self._sort and self._found:
            numbers, keys = np.concatenate(self._found), np.concatenate(self._keys)
            known = np.concatenate(self._known)
            there = np.flatnonzero(known)
            # Those that are alike stay in the order of the file, in either direction.
            ranks = np.unique(keys[there], return_inverse=True)[1].reshape(-1)
            order = np.argsort(-ranks if self._descending else ranks, kind="stable")
            self._ordered = np.concatenate([numbers[there[order]], numbers[~known]])
            self._keys, self._known = [], []

    def numbers(self, first: int, count: int) -> list[int]:
        """Return the numbers of some of the records that were found, in their order."""
        found = self.all_numbers() if self._ordered is None else self._ordered
        numbers: list[int] = found[first : first + count].tolist()
        return numbers

    def all_numbers(self) -> Int64Array:
        """Return the numbers of all records that were found, in their order in the files."""
        return np.concatenate([np.empty(0, np.int64), *self._found])

    def state(self) -> dict[str, Any]:
        """Say in JSON how far it is, and how many were found."""
        return {
            **super().state(),
            "matched": self.matched,
            "not_looked_into": self.not_looked_into,
            "sorted": self._ordered is not None,
        }


def _whatever_the_case(text: str) -> re.Pattern[bytes]:
    """Return what finds a text in UTF-8, each letter as a small one or as a capital.

    Bytes are searched, as most of a record may be none of a text.
    """
    found = b""
    for letter in text:
        forms = {letter}
        if not letter.isascii():
            forms |= {letter.lower(), letter.upper(), letter.casefold(), letter.upper().lower()}
        encoded = sorted(re.escape(form.encode("utf-8", "surrogateescape")) for form in forms)
        found += encoded[0] if len(encoded) == 1 else b"(?:" + b"|".join(encoded) + b")"
    # The flag is for the letters of ASCII.
    return re.compile(found, re.IGNORECASE)


def _has(needle: re.Pattern[bytes], data: bytes) -> bool:
    """Tell whether a text is in a name or a text of a record, and not in a picture's bytes."""
    if needle.search(data) is None:
        return False
    content = read_content(data)
    if not (content.features or content.lists):
        return True
    steps = [step for each in content.lists.values() for step in each]
    strings = [
        value
        for values in (*content.features.values(), *steps)
        if isinstance(values, list)
        for value in values
    ]
    return any(needle.search(one) and _is_text(one) for one in strings) or any(
        needle.search(name.encode()) for name in (*content.features, *content.lists)
    )


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
