"""What is known of a feature: in how many records it is, how many values it has, and which."""

from __future__ import annotations

import codecs
import math
import zlib
from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.description.content import Contents
from tfrecord_lite.description.distinct import EXACT_BELOW, Distinct, hashes_of
from tfrecord_lite.description.numbers import Numbers, tally_of
from tfrecord_lite.description.sampling import some_rows
from tfrecord_lite.description.spread import Spread
from tfrecord_lite.example.columns import Decoder, UnfitError
from tfrecord_lite.example.features import FixedLenFeature, RaggedFeature
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.spans import BYTES, FLOAT, INT64, MISSING, Spans
from tfrecord_lite.example.strings import find_strings
from tfrecord_lite.example.wire import MAX_VARINT_BYTES
from tfrecord_lite.example.words import as_words, low_bytes
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["FeatureDescription", "Found", "find_values", "text_of"]

_NAMES: Final = {INT64: "int64", FLOAT: "float32", BYTES: "bytes"}
_DTYPES: Final = {INT64: np.int64, FLOAT: np.float32}
# Of a kind, without what makes a STRING of it.
_KIND: Final = 0xFF
# Longer byte strings are hashed one by one.
_WORDS: Final = 8
# What is kept of a value that is told by name, and of one that is shown as what it is.
_TOLD_BYTES: Final = 64
_SHOWN_BYTES: Final = 1 << 20
_SHOWN: Final = 4
_SHOWN_NUMBERS: Final = 32
# So many of a block are looked at for what they hold.
_SNIFFED: Final = 16
_TOP: Final = 10
_UTF8: Final = codecs.getincrementaldecoder("utf-8")


class _Strings(NamedTuple):
    buffer: Uint8Array
    begin: Int64Array
    size: Int64Array

    def at(self, row: int, most: int | None = None) -> bytes:
        begin, size = int(self.begin[row]), int(self.size[row])
        return self.buffer[begin : begin + min(size, size if most is None else most)].tobytes()


class Found(NamedTuple):
    """The values of one kind that some records have of a feature; int64 ``counts`` of each."""

    kind: str
    counts: Int64Array
    values: Any


def find_values(buffer: Uint8Array, spans: Spans) -> list[Found]:
    """Return the values that lie at spans, kind by kind; ``UnfitError`` where some are unreadable.

    The row that the error tells is one of these spans.
    """
    kinds = spans.kind & _KIND
    found = []
    for kind in np.flatnonzero(np.bincount(kinds)).tolist():
        if kind == MISSING:
            continue
        rows = np.flatnonzero(kinds == kind)
        some = spans if len(rows) == len(kinds) else Spans(*(column[rows] for column in spans))
        if kind == BYTES:
            begin, size, counts = find_strings(buffer, some)
            found.append(Found(_NAMES[kind], counts, _Strings(buffer, begin, size)))
            continue
        found.append(Found(_NAMES[kind], *_numbers(buffer, some, _DTYPES[kind])))
    return found


def _numbers(buffer: Uint8Array, spans: Spans, dtype: Any) -> tuple[Int64Array, Any]:
    """Return how many numbers each record has, and all of them, by the quickest way there is."""
    size = int(spans.sizes.max())
    if int(spans.sizes.min()) == size > 0 if dtype is np.float32 else size <= MAX_VARINT_BYTES:
        count = size >> 2 if dtype is np.float32 else 1
        # Integers of few bytes are mostly one.
        with suppress(UnfitError):
            column = Decoder(buffer, spans, FixedLenFeature([count], dtype)).column()
            return np.full(len(spans.kind), count), np.asarray(column).reshape(-1)
    column = Decoder(buffer, spans, RaggedFeature(dtype)).column()
    assert isinstance(column, Ragged)
    return np.diff(column.row_splits), column.values


class FeatureDescription:
    """A feature of Examples, or one of the context or of the feature lists of SequenceExamples.

    ``part`` is "features", "context" or "feature_lists". ``records`` is in how many records it has
    a kind, and ``counts``, a `Spread`, how many values it has there; of a feature list in how many
    it is, and how many values its steps have, of which ``steps`` tells how many there are.
    ``kinds`` has the records (or steps) with each kind, ``numbers`` describes the numbers,
    ``lengths`` the bytes of byte strings, ``content`` what a sample of them holds.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"name": ["cat", "dog", "cat"]})
    >>> name = tfr.describe(path).features["name"]
    >>> name.kind, name.records, name.counts.max, str(name.content), name.top
    ('bytes', 3, 1, 'UTF-8 text', [(b'cat', 2), (b'dog', 1)])
    """

    def __init__(self, part: str, name: str) -> None:
        self.part = part
        self.name = name
        self.records = 0
        self.kinds: Counter[str] = Counter()
        self.steps = Spread() if part == "feature_lists" else None
        self.counts = Spread()
        self.numbers = Numbers()
        self.lengths = Spread()
        self.content = Contents()
        self.samples: list[Any] = []
        """Some of the first values: byte strings, or lists of the numbers of a record."""
        # By kind: hashes of two kinds of values say nothing of each other, and 0 is not 0.0.
        self._distinct: defaultdict[str, Distinct] = defaultdict(Distinct)

    def __repr__(self) -> str:
        records = plural(self.records, "record")
        return f"<FeatureDescription of {self.name!r}: {self.kind} in {records}>"

    @property
    def kind(self) -> str:
        """Its kind, "int64", "float32" or "bytes", or all that it has, or "none"."""
        return ", ".join(kind for kind, _ in self.kinds.most_common()) or "none"

    @property
    def min(self) -> float | None:
        """The least number; None where there are none."""
        return self.numbers.min

    @property
    def max(self) -> float | None:
        """The largest number; None where there are none."""
        return self.numbers.max

    @property
    def mean(self) -> float | None:
        """The mean of the numbers; None where there are none."""
        return self.numbers.mean

    @property
    def distinct(self) -> int:
        """How many different values there are, exactly where `distinct_exact`.

        Else with a standard error of about 0.8 %. Values of two kinds differ: 0 is not 0.0.
        """
        return sum(of_kind.estimate for of_kind in self._distinct.values())

    @property
    def distinct_exact(self) -> bool:
        """Whether `distinct` is exact: up to 10,000 of each kind it is."""
        return all(of_kind.exact for of_kind in self._distinct.values())

    @property
    def top(self) -> list[tuple[Any, int]]:
        """The most frequent values, ten at most, and how often each comes; of few kinds of values.

        Of long byte strings the first 64 bytes. Empty where there are more than 10,000 of a kind.
        """
        return self._most_frequent(self._distinct.keys(), _TOP)

    def _most_frequent(self, kinds: Collection[str], most: int) -> list[tuple[Any, int]]:
        """Return the most frequent values of these kinds; none where not all of them are known."""
        counted = [self._distinct[kind] for kind in kinds]
        if not all(of_kind.listed for of_kind in counted):
            return []
        found = [pair for of_kind in counted for pair in of_kind.top(most)]
        return sorted(found, key=lambda pair: -pair[1])[:most]

    def histogram(self) -> tuple[list[float], list[float]] | None:
        """Return the edges of bins and how many numbers are in each; None where there are none.

        Exact where there are no more than 10,000 different numbers of a kind, else of a sample.
        """
        return self.numbers.histogram(self._known_numbers())

    def _known_numbers(self) -> list[tuple[float, int]]:
        """Return all numbers and how often each comes; none where there are many."""
        kinds = self._distinct.keys() - {"bytes"}
        known = self._most_frequent(kinds, len(kinds) * EXACT_BELOW)
        return [(value, times) for value, times in known if math.isfinite(value)]

    def add(self, found: list[Found], *, rows: int) -> None:
        """Add the values of a block, in ``rows`` of whose records (or steps) it has a kind."""
        if self.steps is None:
            self.records += rows
        for kind, counts, values in found:
            self.kinds[kind] += len(counts)
            self.counts.add(counts)
            distinct = self._distinct[kind]
            if kind == "bytes":
                self._add_strings(values, distinct)
            else:
                self._add_numbers(values, counts, distinct)

    def add_lists(self, counts: Int64Array) -> None:
        """Note in how many records the feature list is, and how many steps it has there."""
        assert self.steps is not None
        self.records += len(counts)
        self.steps.add(counts)

    def _add_numbers(self, values: Any, counts: Int64Array, distinct: Distinct) -> None:
        tally = tally_of(values)
        self.numbers.add(values, tally)
        if not len(values):
            return
        begin = 0
        for count in counts[: _SHOWN - len(self.samples)].tolist():
            self.samples.append(values[begin : begin + min(count, _SHOWN_NUMBERS)].tolist())
            begin += count
        numbers, times = (values, None) if tally is None else tally
        bits = numbers
        if numbers.dtype.kind == "f":
            # NaN is one value whatever its bits, and 0 one number whatever its sign.
            numbers = np.where(np.isnan(numbers), np.float32(np.nan), numbers) + np.float32(0)
            bits = numbers.view(np.uint32)
        take: Callable[[Int64Array], list[Any]] = lambda rows: numbers[rows].tolist()  # noqa: E731
        distinct.add(hashes_of(bits.astype(np.uint64)), take, times)

    def _add_strings(self, strings: _Strings, distinct: Distinct) -> None:
        count = len(strings.begin)
        self.lengths.add(strings.size)
        if not count:
            return
        for row in some_rows(count, _SNIFFED).tolist():
            self.content.add(strings.at(row, _SHOWN_BYTES))
        for row in range(min(_SHOWN - len(self.samples), count)):
            self.samples.append(strings.at(row, _SHOWN_BYTES))
        distinct.add(
            _hashes(strings), lambda rows: [strings.at(row, _TOLD_BYTES) for row in rows.tolist()]
        )

    def merge(self, other: FeatureDescription) -> None:
        """Add all that was added to another one."""
        self.records += other.records
        self.kinds += other.kinds
        if self.steps is not None and other.steps is not None:
            self.steps.merge(other.steps)
        self.counts.merge(other.counts)
        self.numbers.merge(other.numbers)
        self.lengths.merge(other.lengths)
        self.content.merge(other.content)
        self.samples += other.samples[: _SHOWN - len(self.samples)]
        for kind, of_kind in other._distinct.items():
            self._distinct[kind].merge(of_kind)

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "in": self.part,
            "name": self.name,
            "kinds": dict(self.kinds),
            "records": self.records,
            **({} if self.steps is None else {"steps": self.steps.to_json()}),
            "counts": self.counts.to_json(),
            **(
                {"numbers": self.numbers.to_json(self._known_numbers())}
                if self.kinds.keys() - {"bytes"}
                else {}
            ),
            "distinct": self.distinct,
            "distinct_exact": self.distinct_exact,
            "top": [[_json_value(value), times] for value, times in self.top],
            **(
                {"lengths": self.lengths.to_json(), "content": self.content.to_json()}
                if "bytes" in self.kinds
                else {}
            ),
        }


def text_of(value: bytes) -> str | None:
    r"""Return a value that is told as text, without a character that was cut; None if it is none.

    >>> text_of("é".encode()), text_of(b"\xff"), text_of(("x" + 40 * "é").encode()[:64])[-2:]
    ('é', None, 'éé')
    """
    try:
        return _UTF8().decode(value, len(value) < _TOLD_BYTES)
    except UnicodeDecodeError:
        return None


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        text = text_of(value)
        return value.decode("utf-8", "backslashreplace") if text is None else text
    return value if np.isfinite(value) else str(value)


def _hashes(strings: _Strings) -> Any:
    """Return hashes of byte strings, uint64 ``[strings]``."""
    buffer, begin, size = strings
    hashes = hashes_of(size.astype(np.uint64))
    words = as_words(buffer)
    long = size > 8 * _WORDS
    if long.any():
        data = buffer.data
        for row in np.flatnonzero(long).tolist():
            part = data[int(begin[row]) : int(begin[row] + size[row])]
            hashes[row] ^= np.uint64(crc32c(part) << 32 | zlib.crc32(part))
        hashes[long] = hashes_of(hashes[long])
    for step in range(_WORDS):
        rows: Any = np.flatnonzero((size > 8 * step) & ~long)
        if not len(rows):
            break
        rows = slice(None) if len(rows) == len(size) else rows
        word = words[begin[rows] + 8 * step] & low_bytes(size[rows] - 8 * step)
        hashes[rows] = hashes_of(hashes[rows] ^ word)
    return hashes
