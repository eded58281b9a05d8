"""Files of a set that stay open for the next record, and not too many of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite.files.record_file import RecordFile

__all__ = ["OpenFiles", "kept_or_made", "pop_oldest"]

K = TypeVar("K")
T = TypeVar("T")

# Files that stay open are no more than a part of what the system lets a process open.
_PART_OF_LIMIT = 4


class OpenFiles:
    """Files by their numbers.

    Threads may share it. No lock is held, so that a fork finds none held for ever. What gives way
    to another file, or is closed, is closed when nobody reads it any more.
    """

    def __init__(self) -> None:
        self._files: dict[int, RecordFile] = {}

    def get(self, number: int, open_file: Callable[[int], RecordFile]) -> RecordFile:
        """Return a file: one that is still open, or one that is opened now."""
        return kept_or_made(self._files, number, open_file, _most_like)

    def close(self) -> None:
        """Close all of them, one that another thread reads when that is done."""
        self._files.clear()


def kept_or_made(kept: dict[K, T], key: K, make: Callable[[K], T], most: Callable[[T], int]) -> T:
    """Return what is kept under a key, or made now; those asked for last are kept, so many.

    ``most`` tells from what was made how many may be kept with it.
    """
    found = kept.pop(key, None)
    if found is None:
        found = make(key)
        while len(kept) >= most(found):
            pop_oldest(kept)
    kept[key] = found
    return found


def pop_oldest(kept: dict[Any, T]) -> T | None:
    """Take out what was put in first; None where other threads were quicker.

    An `OrderedDict` does not do for threads: another one may come in while what is taken out is
    deallocated, and then its order and its items no longer fit each other.
    """
    with suppress(StopIteration, RuntimeError):
        return kept.pop(next(iter(kept)), None)
    return None


def _most_like(file: RecordFile) -> int:
    is_gzip = file.index.members is not None
    return min(limits.open_gzip_files if is_gzip else limits.open_files, _most_open_files())


def _most_open_files() -> int:
    """Return how many files may stay open: some systems let a process open 64 or 256 in all."""
    try:
        import resource
    except ImportError:
        # Windows, which has no such limit.
        return limits.open_files
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return limits.open_files
    return max(min(limits.open_files, limit // _PART_OF_LIMIT), 1)
