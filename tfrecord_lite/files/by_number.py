"""Records by their numbers, as a sequence: what one file and a set of files have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np

from tfrecord_lite.records.closing import Closing
from tfrecord_lite.records.numbers import index_of
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array

    Numbers = Sequence[int] | npt.NDArray[np.integer[Any]]

__all__ = ["ByNumber", "as_numbers", "no_record"]

_BOOLS: Final = {bool, np.bool_}


class ByNumber(Closing):
    """A base for what gives one record for an integer, lists of them for slices and for lists."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def _label(self) -> object:
        """What errors are about."""

    @abstractmethod
    def _record(self, which: int) -> bytes:
        """Return one record, counted from the end where ``which`` is negative."""

    @abstractmethod
    def _records(self, numbers: Int64Array) -> list[bytes]:
        """Return the records of these numbers, none negative, in their order."""

    @overload
    def __getitem__(self, which: int | np.integer[Any]) -> bytes: ...
    @overload
    def __getitem__(self, which: slice | Numbers) -> list[bytes]: ...
    def __getitem__(self, which: Any) -> bytes | list[bytes]:
        if isinstance(which, slice):
            return self._records(np.arange(*which.indices(len(self)), dtype=np.int64))
        try:
            number = index_of(which)
        except TypeError:
            numbers = as_numbers(
                which, len(self), self._label, taken="an integer, a slice, or a list or array of"
            )
            return self._records(numbers)
        return self._record(number)


def as_numbers(
    given: Numbers, count: int, what: object, *, taken: str = "a list or a one-dimensional array of"
) -> Int64Array:
    """Return what a caller asks for as numbers of ``count`` records, none negative.

    ``what`` is what errors are about: TypeError for what are no numbers, which says what is
    ``taken``, IndexError for those of no record.
    """
    numbers = np.asarray(given)
    if isinstance(given, (list, tuple)) and not _BOOLS.isdisjoint(map(type, given)):
        # Beside integers NumPy takes them for 0 and 1, where they surely are a mask.
        numbers = np.ones(numbers.shape, np.bool_)
    if numbers.ndim != 1 or (numbers.dtype.kind not in "iu" and len(numbers)):
        shape = list(numbers.shape)
        kind = f"{numbers.dtype}{shape}" if shape else type(given).__name__
        raise TypeError(
            f"{printable(str(what))}: records are asked for by {taken} integers, not {kind}"
        )
    beyond = (numbers >= count) | (numbers < -count)
    if beyond.any():
        raise no_record(what, int(numbers[np.argmax(beyond)]), count)
    found = numbers.astype(np.int64)
    found[found < 0] += count
    return found


def no_record(what: object, number: int, count: int) -> IndexError:
    """Return the error about the number of no record."""
    return IndexError(f"{printable(str(what))}: no record {number}, there are {count}")
