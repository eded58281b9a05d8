"""A range of an object on its way: its bytes in pieces, each of use as soon as it is there."""

from __future__ import annotations

from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite.parallel.threads import Threads

__all__ = ["RangeAhead"]


class RangeAhead:
    """Bytes ``begin`` to ``end`` of an object, in pieces.

    ``fetch`` makes the pieces: with `begin_in` in another thread, and those that are not yet taken
    are in memory; without, in the thread that takes them, when it does.
    """

    def __init__(
        self, begin: int, end: int, fetch: Callable[[int, int], Iterator[memoryview]]
    ) -> None:
        self.begin, self.end = begin, end
        self._fetch = fetch
        self._came: SimpleQueue[memoryview | BaseException | None] | None = None
        self._pieces: Iterator[memoryview] | None = None
        self._wanted = True
        # The piece that is in use, and where it begins.
        self._piece: memoryview = memoryview(b"")
        self._at = begin

    def begin_in(self, threads: Threads) -> None:
        """Have the pieces come from now on."""
        came = self._came = SimpleQueue()
        ending = RuntimeError("no more of an object comes: its threads are to end")
        threads.submit(self._run, if_cancelled=partial(came.put, ending))

    def _run(self) -> None:
        came = self._came
        assert came is not None
        end: BaseException | None = None
        try:
            if self._wanted:
                for piece in self._fetch(self.begin, self.end):
                    came.put(piece)
                    if not self._wanted:
                        break
        except BaseException as error:  # noqa: BLE001 - raised where the piece is asked for
            end = error
        # Also where nobody wants it: another thread may have closed the file of one that waits.
        came.put(end)
        del self, came, end  # an error's traceback has this frame

    def holds(self, at: int) -> bool:
        """Tell whether this byte is here or to come, and no sooner by another request."""
        is_near = self._came is not None or at - self._at < thresholds.remote_range_bytes
        return self._at <= at < self.end and is_near

    def from_byte(self, at: int) -> memoryview:
        """Return what is there from this byte on: at least one.

        Whatever is raised here, also by the handler of a signal: the range is of no use after it.
        """
        while at >= (begin := self._at + len(self._piece)):
            # One in memory is enough; and none is held until there is another.
            self._at = self.end
            self._piece = memoryview(b"")
            self._piece = self._next_piece()
            self._at = begin
        return self._piece[at - self._at :]

    def _next_piece(self) -> memoryview:
        if self._came is None:
            if self._pieces is None:
                self._pieces = self._fetch(self.begin, self.end)
            return next(self._pieces)
        piece = self._came.get()
        if piece is None:
            raise ValueError("the file was closed while it was read")
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def cancel(self) -> None:
        """Have no more of it come."""
        self._wanted = False
