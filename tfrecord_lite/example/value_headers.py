"""What stands before a value, as a function of how many bytes there are.

After the tag of a map entry's value come up to three lengths, one inside the other, and all of
them count to the same end, the entry's::

    12 | <n> kind <n> 0a <n> | payload           one packed run of numbers, or one byte string
    12 | <n> kind <n> |                          an empty list
    12 | <n> kind <n> | 0a <n> ...               a list of several byte strings
    12 | 00 |                                    no kind

So where the end is known, the bytes that must stand between ``12`` and the payload are known but
for the kind: they are looked up by the distance to the end, and compared as one word.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.kinds import BYTES_LIST, FLOAT_LIST, INT64_LIST
from tfrecord_lite.example.wire import read_length
from tfrecord_lite.example.words import BYTE, LOW

if TYPE_CHECKING:
    from tfrecord_lite._types import BoolArray, Int64Array, Uint8Array
    from tfrecord_lite.example.words import Words

__all__ = ["LARGEST_VALUE_SIZE", "ValueHeaders", "read_headers", "read_large_headers"]

# The head of a value of up to so many bytes has at most eight: no length takes more than two.
LARGEST_VALUE_SIZE: Final = 2 + 0x3FFF
_IS_KIND: Final = np.isin(np.arange(256), [BYTES_LIST, FLOAT_LIST, INT64_LIST])


class _Tables:
    """Head and form by the size of a value, and what each form has.

    A form is what headers have in common: the sizes of their lengths, ``first``, ``second`` and
    ``run``, 0 for those that are not there, and whether it is ``plain``: without kind, of an empty
    list, or of one run.
    """

    def __init__(self) -> None:
        # For each size of a list's content, the lengths around it; and the one inside, if there is
        # one that fills it: one that takes a byte, or one that takes two.
        content = np.arange(LARGEST_VALUE_SIZE)
        second = _sizes(content)
        value = 1 + second + content
        first = _sizes(value)
        run = np.where(content - 3 >= 0x80, 2, (content >= 2) & (content - 2 < 0x80))
        head = _varints(value) | _varints(content) << _bits(first + 1)
        # Where there is no run, the masks below leave this out.
        tag_and_run = np.uint64(0x0A) | _varints(content - 1 - run) << np.uint64(8)
        head |= tag_and_run << _bits(first + 1 + second)
        rows = np.stack([first, second, run, (run > 0) | (content == 0)], 1)
        forms, which = np.unique(rows, axis=0, return_inverse=True)
        fits = first + value <= LARGEST_VALUE_SIZE
        self.form_of = np.zeros(LARGEST_VALUE_SIZE + 2, np.uint8)
        self.head_of = np.zeros(LARGEST_VALUE_SIZE + 2, np.uint64)
        # No kind has the form 1, and all that is impossible the form 0.
        self.form_of[1] = 1
        self.form_of[(first + value)[fits]] = which.reshape(-1)[fits] + 2
        self.head_of[(first + value)[fits]] = head[fits]
        first, second, run, plain = np.concatenate([[[0, 0, 0, 0], [1, 0, 0, 1]], forms]).T
        has_kind, self.has_run = second > 0, run > 0
        # Bytes before the content of the list, and before the payload.
        self.list_size = first + has_kind + second
        self.size = self.list_size + self.has_run + run
        self.kind_shift = _bits(first)
        self.kind_mask = np.where(has_kind, BYTE, np.uint64(0))
        but_kind = ~(self.kind_mask << self.kind_shift)
        self.mask, self.list_mask = LOW[self.size] & but_kind, LOW[self.list_size] & but_kind
        # By form and kind, whether a head with them is plain: only where there is none is it 0.
        kinds = np.where(has_kind[:, None], _IS_KIND, np.arange(256) == 0)
        self.is_plain = (kinds & (plain > 0)[:, None]).reshape(-1)
        self.first_kind = 256 * np.arange(len(first))


def _sizes(values: Int64Array) -> Int64Array:
    return np.where(values < 0x80, 1, 2)


def _varints(values: Int64Array) -> Words:
    """Return varints of one or two bytes, in words."""
    two = values & 0x7F | 0x80 | values >> 7 << 8
    return np.where(values < 0x80, values & 0x7F, two).astype(np.uint64)


def _bits(sizes: Int64Array) -> Words:
    return (8 * sizes).astype(np.uint64)


_tables = lru_cache(_Tables)
# Of a head whose lengths take three bytes each, ``<3> kind <3> 0a`` as one word.
_RUN: Final = np.uint64(0x0A << 56)
_KIND_BYTE: Final = np.uint64(0xFF << 24)
_THREE_BYTES: Final = np.uint64(0xFFFFFF)


class ValueHeaders(NamedTuple):
    """What headers say, by columns ``[values]``.

    ``kind`` is the tag of the list, 0 for none; ``size`` the bytes before the payload; ``plain``
    tells which are of one of the forms above. ``single`` tells which have the form of a run; of
    several byte strings the payload is the whole content of the list. Where all are alike, ``size``
    and ``single`` may be columns of one row.
    """

    kind: Int64Array
    size: Int64Array
    plain: BoolArray
    single: BoolArray


def read_headers(words: Words, value_size: Int64Array) -> ValueHeaders:
    """Read the headers of values of ``value_size`` bytes from the words after their tag.

    Larger ones than `LARGEST_VALUE_SIZE` are not found plain.
    """
    if value_size.min() == value_size.max() <= LARGEST_VALUE_SIZE:
        value_size = value_size[:1]  # one head for all
    tables = _tables()
    form = tables.form_of.take(value_size, mode="clip")
    wrong = words ^ tables.head_of.take(value_size, mode="clip")
    kind = (words >> tables.kind_shift.take(form) & tables.kind_mask.take(form)).astype(np.int64)
    plain = wrong & tables.mask.take(form) == 0
    plain &= tables.is_plain.take(tables.first_kind.take(form) + kind)
    size = tables.size.take(form)
    single = tables.has_run.take(form)
    if not plain.all():
        several = ~plain & (kind == BYTES_LIST) & (wrong & tables.list_mask.take(form) == 0)
        size = np.where(several, tables.list_size.take(form), size)
        plain |= several
        single = single & ~several
    return ValueHeaders(kind, size, plain, single)


def read_large_headers(
    buffer: Uint8Array, words: Words, at: Int64Array, value_size: Int64Array
) -> ValueHeaders:
    """Read headers of values of more than `LARGEST_VALUE_SIZE` bytes, from where they begin.

    Mostly each of the three lengths takes three bytes, ``<3> kind <3> 0a | <3>``, and is compared
    with what it must be. Others are read one by one.
    """
    value, content, run = value_size - 3, value_size - 7, value_size - 11
    front = words[at]
    wrong = front ^ (_in_three_bytes(value) | _in_three_bytes(content) << np.uint64(32) | _RUN)
    wrong &= ~_KIND_BYTE
    wrong |= (words[at + 8] ^ _in_three_bytes(run)) & _THREE_BYTES
    kind = (front >> np.uint64(24) & np.uint64(0xFF)).astype(np.int64)
    plain = (wrong == 0) & (run >= 1 << 14) & (value < 1 << 21) & _IS_KIND.take(kind)
    size = np.full(len(at), 11)
    single = np.ones(len(at), np.bool_)
    for index in np.flatnonzero(~plain).tolist():
        head = _read_head(buffer.data, int(at[index]), int(at[index] + value_size[index]))
        if head is not None:
            kind[index], begin, single[index] = head
            size[index] = begin - at[index]
            plain[index] = True
    return ValueHeaders(kind, size, plain, single)


def _in_three_bytes(values: Int64Array) -> Words:
    """Return varints of three bytes, in words."""
    groups = values & 0x7F | (values & 0x3F80) << 1 | (values & 0x1FC000) << 2 | 0x8080
    return groups.astype(np.uint64)


def _read_head(data: memoryview, at: int, end: int) -> tuple[int, int, bool] | None:
    """Read one head; return kind, where the payload begins, and whether it is a run's.

    None where the value is not one run or a list of byte strings.
    """
    try:
        value, stop = read_length(data, at, end)  # type: ignore[arg-type]
        kind = data[value]
        begin, list_stop = read_length(data, value + 1, stop)  # type: ignore[arg-type]
        if stop != end or list_stop != end:
            return None
        if data[begin] != 0x0A:
            return None
        run, run_stop = read_length(data, begin + 1, end)  # type: ignore[arg-type]
    except ExampleError:
        return None
    if kind not in (BYTES_LIST, FLOAT_LIST, INT64_LIST):
        return None
    if run_stop == end:
        return kind, run, True
    return (kind, begin, False) if kind == BYTES_LIST else None
