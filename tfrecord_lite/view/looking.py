"""Going through the first records of all files, in a thread that can be stopped.

Two do so: the search for records, and what tells about features.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.errors import Damage, TFRecordError
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.text import unicode_text
from tfrecord_lite.view.viewed_file import MOST_RECORD_BYTES, ViewedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.records.framing import RecordBlock
    from tfrecord_lite.view.viewed_set import ViewedSet

__all__ = ["MOST_RECORDS", "Looking"]

# So many records are looked at: a search of all of them takes seconds, not minutes.
MOST_RECORDS: Final = 1_000_000


class Begin(NamedTuple):
    """The number of the first record of a file, and which edition of the file that was."""

    number: int
    edition: int


class Looking:
    """Looks at the first records, block by block; `start` begins, `cancel` ends it.

    ``looked_at`` is how many it has looked at, ``error`` what went wrong.
    """

    def __init__(self, viewed: ViewedSet, most: int = MOST_RECORDS) -> None:
        self._viewed = viewed
        self._most = most
        self.looked_at = 0
        self._ended = threading.Event()
        self.cancelled = False
        self.error: str | None = None
        self.begins: list[Begin] = []
        """Where the files begin that it has looked at, by its own numbers."""
        self._thread = threading.Thread(target=self._run, name="looking", daemon=True)

    @property
    def done(self) -> bool:
        """Whether there are no more records to come."""
        return self._ended.is_set()

    @property
    def outdated(self) -> bool:
        """Whether its numbers are those of other records by now.

        Damage takes as many numbers as reading finds, and not as many as a manifest or an index
        says: records after it may get others. A file may have been replaced, too.
        """
        begins = list(self.begins)
        editions = [file.edition for file in self._viewed.files[: len(begins)]]
        return editions != [begin.edition for begin in begins] or any(
            begin.number != base for begin, base in zip(begins, self._viewed.bases(), strict=False)
        )

    def wait(self, seconds: float) -> bool:
        """Wait until it is `done`, no longer than that, and tell whether it is."""
        return self._ended.wait(seconds)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Look at no more; what was found stays."""
        self.cancelled = True

    def close(self) -> None:
        """Cancel, and wait for the thread."""
        self.cancel()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._prepare()
            for block, numbers in self._blocks():
                self._add(block, numbers)
                self.looked_at += len(block)
            self._finish()
        except (OSError, TFRecordError, ValueError, MemoryError) as error:
            self.error = unicode_text(str(error) or type(error).__name__)
        finally:
            self._ended.set()

    @abstractmethod
    def _add(self, block: RecordBlock, numbers: Int64Array) -> None:
        """Look at the records of a block, whose numbers are these."""

    def _prepare(self) -> None:
        """Do what is to be done before any is looked at."""

    def _finish(self) -> None:
        """Do what is to be done when all have been looked at."""

    def _blocks(self) -> Iterator[tuple[RecordBlock, Int64Array]]:
        left = self._most
        base = 0
        self.begins = []
        for file in self._viewed.files:
            self.begins.append(Begin(base, file.edition))
            front = _Front(file)
            try:
                for whole in front.blocks():
                    if self.cancelled or not left:
                        return
                    block = whole[:left]
                    left -= len(block)
                    yield block, base + block.first_record + np.arange(len(block))
            except (OSError, TFRecordError):
                # What is wrong with the file, its place on the page says.
                base += max(front.passed, file.count if file.counted else 0)
            else:
                base += front.passed

    def state(self) -> dict[str, Any]:
        """Say in JSON how far it is."""
        total, complete = self._viewed.known
        return {
            "looked_at": self.looked_at,
            "most": self._most,
            "records": total,
            "complete": complete,
            "whole": (
                self.done
                and complete
                and not self.cancelled
                and self.error is None
                and total <= self._most
            ),
            "done": self.done,
            "cancelled": self.cancelled,
            "error": self.error,
        }


class _Front:
    """A file that is read from its front; ``passed`` is how many numbers it has passed."""

    def __init__(self, file: ViewedFile) -> None:
        self._file = file
        self._edition = file.edition
        self._damaged = False
        self.passed = 0

    def blocks(self) -> Iterator[RecordBlock]:
        """Yield the records by the block, each of use until the next; the file learns of them."""
        with RecordReader(
            self._file.path, on_damage=self._note, max_record_bytes=MOST_RECORD_BYTES
        ) as reader:
            for block in reader.blocks():
                self.passed = max(self.passed, block.first_record + len(block))
                if self._damaged:
                    # The page goes to records by the numbers that are told here.
                    self._file.compare(block)
                yield block
                reader.recycle(block)
        self._file.settle(self.passed, damaged=self._damaged, edition=self._edition)

    def _note(self, damage: Damage) -> None:
        self._damaged = True
        if damage.kind != "count":
            self.passed = max(self.passed, damage.record + 1)
