"""An object as a file: read from its front some ranges ahead, or at any place, checked to be one.

All objects that are read from their fronts share a budget of memory. One that begins to be read has
a small range of it, and twice as much with each range that was used up, until it has its share.
Of many at once, from a store that streams, each comes by one request, no faster than it is used.
"""

from __future__ import annotations

import io
import os
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from tfrecord_lite.parallel.threads import Call, Threads
from tfrecord_lite.stores.range_ahead import RangeAhead
from tfrecord_lite.stores.store import replaced, store_of
from tfrecord_lite.text import printable
from tfrecord_lite.thresholds import limits, thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["ObjectFile"]

# As long as this, and longer each time, nobody asks again where a connection was lost.
_LOST_SECONDS = 0.1
# Those that have ranges in memory.
_reading: weakref.WeakSet[ObjectFile] = weakref.WeakSet()


class ObjectFile(io.RawIOBase):
    """An object of a store, read.

    `readinto` is for one thread at a time; `read_at`, `read_into` and `read_spans` move nothing and
    are for any. ``FileNotFoundError`` where there is no such object. A range that fails is an
    ``OSError`` with the URL and the offset; a connection that was lost goes on at that byte a few
    times first.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self.name = url
        # First what `close` asks for: it is called also where there is no such object.
        self._ranges: deque[RangeAhead] = deque()
        self._max_ahead = 0
        # What ranges know of it: not this file, which goes when nobody has it any more.
        self._object = _Object(url)
        self._process = os.getpid()
        self._at = 0
        self._ahead_end = self.size
        self._local = threading.local()

    @property
    def size(self) -> int:
        """How many bytes it had when it was opened."""
        return self._object.state.size

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; nothing is read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return where the next `readinto` begins."""
        return self._at

    # From the front.

    def readinto(self, buffer: Any) -> int:
        """Fill the front of ``buffer`` with what comes next; 0 at the end."""
        view = memoryview(buffer).cast("B")
        at = self._at
        if at >= self.size:
            self._forget_ranges()
            self._object.check(at)
            return 0
        try:
            data = self._range_at(at).from_byte(at)
        except BaseException:
            # Whoever reads on begins again.
            self._forget_ranges()
            raise
        count = min(len(view), len(data))
        view[:count] = data[:count]
        self._at = at + count
        return count

    def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, fewer at the end alone; all that is left if negative."""
        if size < 0:
            return self.readall()
        # At the end one byte is asked for: that is when the object's state is looked at.
        data = bytearray(min(size, max(self.size - self._at, 1)))
        done = 0
        while done < len(data) and (count := self.readinto(memoryview(data)[done:])):
            done += count
        return bytes(memoryview(data)[:done])

    def read_ahead_until(self, end: int | None) -> None:
        """Ask for no more in advance than what comes before byte ``end``; None: the object's."""
        self._ahead_end = self.size if end is None else min(end, self.size)

    def _range_at(self, at: int) -> RangeAhead:
        """Return the range with this byte, and have more on their way."""
        if self._process != os.getpid():
            # In a process that was forked no connection goes on, and no thread.
            self._object.look_in_child()
            self._ranges.clear()
            self._max_ahead = 0
            self._process = os.getpid()
        ranges, used = self._ranges, 0
        while ranges and ranges[0].end <= at:
            used = ranges[0].end
            ranges.popleft().cancel()
        if used == at > 0:
            self._max_ahead = 2 * max(self._max_ahead, thresholds.remote_first_bytes)
        elif not ranges or not ranges[0].holds(at):
            self._forget_ranges()
        if self._max_ahead:
            self._read_ahead(at)
        if not ranges:
            ranges.append(RangeAhead(at, self._end_alone(at), self._object.pieces))
            _reading.add(self)
        return ranges[0]

    def _end_alone(self, at: int) -> int:
        """Return the end of a range with which no other is on its way."""
        size = thresholds.remote_first_bytes
        if self._max_ahead and self._is_one_of_many():
            size = max(size, min(thresholds.remote_stream_bytes, self._ahead_end - at))
        return min(at + size, self.size)

    def _is_one_of_many(self) -> bool:
        """Tell whether so many others come meanwhile that one request at a time is enough."""
        return self._object.store.streams and len(_reading) >= limits.remote_connections // 2

    def _read_ahead(self, at: int) -> None:
        # What does not come in pieces is held twice while it arrives.
        streams = self._object.store.streams
        share = limits.remote_ahead_bytes // ((2 if streams else 3) * max(len(_reading), 1))
        ahead = self._max_ahead = min(self._max_ahead, share)
        if self._is_one_of_many():
            return
        size = thresholds.remote_range_bytes * (2 if streams else 1)
        size = max(min(size, ahead // 2), 1)
        begin = self._ranges[-1].end if self._ranges else at
        while begin < self._ahead_end:
            end = min(begin + size, self._ahead_end)
            if end - at > ahead:
                break
            found = RangeAhead(begin, end, self._object.pieces)
            found.begin_in(self._threads())
            self._ranges.append(found)
            begin = end

    def _forget_ranges(self) -> None:
        while self._ranges:
            self._ranges.popleft().cancel()
        self._max_ahead = 0
        _reading.discard(self)

    # At any place.

    def read_at(self, size: int, offset: int) -> bytes:
        """Return ``size`` bytes from ``offset`` on, fewer where the object ends."""
        end = min(offset + size, self.size)
        return bytes(self._object.fetch(offset, end)) if offset < end else b""

    def read_into(self, view: memoryview, offset: int) -> int:
        """Fill ``view`` with the bytes from ``offset`` on; return how many, fewer at the end."""
        end = min(offset + len(view), self.size)
        if offset >= end:
            return 0
        step = max(thresholds.remote_range_bytes, 1)
        begins = range(offset, end, step)
        spans = [(begin, min(begin + step, end)) for begin in begins]
        for (begin, stop), data in zip(spans, self._fetch_all(spans), strict=True):
            view[begin - offset : stop - offset] = data
        return end - offset

    def read_spans(self, begins: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        """Return the bytes from each begin, which ascend, to its end, fewer where the object ends.

        Spans that are near each other come by one request, some requests at once.
        """
        rows: list[list[int]] = []
        spans: list[tuple[int, int]] = []
        for row in range(len(begins)):
            begin, end = min(begins[row], self.size), min(ends[row], self.size)
            if spans and self._is_near(spans[-1], begin, end):
                spans[-1] = spans[-1][0], max(end, spans[-1][1])
                rows[-1].append(row)
            else:
                spans.append((begin, end))
                rows.append([row])
        found: list[bytes] = []
        for (first, _), each, data in zip(spans, rows, self._fetch_all(spans), strict=True):
            found += [bytes(data[begins[row] - first : ends[row] - first]) for row in each]
        return found

    def _is_near(self, span: tuple[int, int], begin: int, end: int) -> bool:
        near = span[0] <= begin <= span[1] + thresholds.remote_gap_bytes
        return near and end - span[0] <= thresholds.remote_range_bytes

    def _fetch_all(self, spans: Sequence[tuple[int, int]]) -> Iterator[memoryview]:
        """Yield the bytes of spans, in their order; up to a budget of them is on its way."""
        if len(spans) == 1:
            yield self._object.fetch(*spans[0])
            return
        calls: deque[tuple[Call[memoryview], int]] = deque()
        left, pending = deque(spans), 0
        try:
            while left or calls:
                most = limits.remote_ahead_bytes // 2
                while left and (not calls or pending + left[0][1] - left[0][0] <= most):
                    begin, end = left.popleft()
                    calls.append(
                        (self._threads().submit(self._object.fetch, begin, end), end - begin)
                    )
                    pending += end - begin
                call, size = calls.popleft()
                yield call.result()
                pending -= size
        finally:
            for call, _ in calls:
                call.cancel()

    def _threads(self) -> Threads:
        """Return threads of this thread's own."""
        mine: tuple[int, Threads] | None = getattr(self._local, "threads", None)
        if mine is None or mine[0] != os.getpid():
            threads = Threads(limits.remote_connections, "tfrecord_lite-object")
            # File systems of fsspec close their connections so, too: what is on its way then is
            # waited for for ever. What was made last is called first.
            weakref.finalize(threads, _close_at_exit, weakref.ref(threads))
            mine = self._local.threads = os.getpid(), threads
        return mine[1]

    def close(self) -> None:
        """Let go of what is in memory. Closing twice is harmless."""
        if not self.closed:
            self._forget_ranges()
        super().close()


class _Object:
    """An object in the state in which it was opened."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.store = store_of(url)
        self.state = self.store.state(url)
        self._process = os.getpid()
        # Reads of which nobody knows yet that they were all of one object.
        self._unchecked = 0

    def fetch(self, begin: int, end: int) -> memoryview:
        """Return the bytes of a range, all of them."""
        pieces = list(self.pieces(begin, end))
        return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))

    def pieces(self, begin: int, end: int) -> Iterator[memoryview]:
        """Yield the bytes of a range as they come, all of them."""
        if self._process != os.getpid():
            self.look_in_child()
        store = self.store
        at, lost = begin, 0
        last: Any = b""
        while at < end:
            first = at
            try:
                for piece in store.read(self._url, at, end, self.state):
                    at += len(piece)
                    if at > end:
                        raise OSError(
                            f"{printable(self._url)}: at byte {first}: asked for {end - first} "
                            f"bytes, the server sent {at - first} and more: it does not know ranges"
                        )
                    if at < end:
                        yield memoryview(piece)
                    elif len(piece):
                        last = piece
            except ConnectionError:
                # One that gave something may have waited for whoever uses it: that is no failure.
                lost = 1 if at > first else lost + 1
                if lost > limits.lost_connections:
                    raise
                time.sleep(lost * _LOST_SECONDS)
                continue
            if at == first:
                raise OSError(
                    f"{printable(self._url)}: at byte {at}: the object ends here, it had "
                    f"{self.state.size} bytes when it was opened"
                )
        # Whoever has the last piece asks for nothing more, and hears of no error after it.
        if not store.checks_each_read:
            self._unchecked += 1
            if self._unchecked >= limits.unchecked_ranges:
                self.check(begin)
        yield memoryview(last)

    def check(self, at: int) -> None:
        """Raise `ReplacedError` where it is another object than at first, if nobody looked yet."""
        unchecked, self._unchecked = self._unchecked, 0
        if not unchecked:
            return
        state = None
        try:
            state = self.store.state(self._url)
        finally:
            # What is raised may be raised where nobody wants the range any more.
            if state != self.state:
                self._unchecked += unchecked
        if state != self.state:
            raise replaced(self._url, at)

    def look_in_child(self) -> None:
        """Look again, by connections of its own, in a process that was forked since."""
        if self._process == os.getpid():
            return
        store = store_of(self._url)
        state = store.state(self._url)
        if state.size != self.state.size:
            raise replaced(self._url, 0)
        self.store, self.state, self._process = store, state, os.getpid()


def _close_at_exit(reference: weakref.ref[Threads]) -> None:
    # Where they end before the interpreter does there is nothing to be done.
    if (threads := reference()) is not None:
        threads.close()
