"""What the writers of a file and of a set have in common: frames are gathered, then stored.

A writer may be used by several threads, and by a signal handler that interrupts it. A record is
taken by one append to a list, which nothing can interrupt; only where the frames of many records
are taken out again, to be stored, there is a lock. So a lock for each record, which costs a third
of its time, is not needed.

Whatever is raised while frames are stored, by the system or by a signal handler, may have left half
a frame in the file, or have stored frames that are still in the list. So the writer is then of no
more use: each later call raises the same error, and `close` as well.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

from tfrecord_lite.byte_strings import check_records, contiguous
from tfrecord_lite.records.framing import FRAME_OVERHEAD, RecordBlock, footer_of, header_of
from tfrecord_lite.records.ownership import Owned
from tfrecord_lite.text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from typing_extensions import Buffer, ParamSpec, Self

    P = ParamSpec("P")
    T = TypeVar("T")

__all__ = ["FrameWriter"]

# The header, data and footer of a record, or the frames of several.
Frame: TypeAlias = tuple[bytes | memoryview, ...]


class FrameWriter(Owned):
    """A writer of records: gathers frames, and has a subclass store them."""

    def _start(self, chunk_bytes: int) -> None:
        """Begin; about ``chunk_bytes`` bytes of frames are stored at a time."""
        self._chunk_bytes = chunk_bytes
        self._frames: list[Frame] = []
        # How many records there are in the list beyond one an entry.
        self._more_records = 0
        # When to store: exact for one thread that is not interrupted, and near enough for others.
        self._gathered = 0
        # How many entries of the list were counted for `raw_bytes`, and their bytes.
        self._counted = (0, 0)
        self._stored_records = self._stored_bytes = 0
        self._failure: BaseException | None = None
        self._is_storing = False
        self._lock = threading.RLock()
        self._own()

    # What a subclass does. Called with the lock held; what is raised makes the writer useless.

    def _store(self, frames: list[Frame], records: int) -> int:
        """Store frames of so many records, and return how many bytes they have."""
        raise NotImplementedError

    def _store_block(self, block: RecordBlock) -> bool:
        """Store or gather a whole block; False where its records have to be written one by one."""
        raise NotImplementedError

    def _complete(self) -> None:
        """Complete and publish, after the last `_store`."""
        raise NotImplementedError

    def _keep(self) -> None:
        """Store what is left, so that it can be read where it lies."""
        self._usable = False
        self._store_pending()

    def _cancel(self) -> None:
        """Let go of everything after an exception inside ``with``, publishing nothing."""
        self._abort()

    def _abort(self) -> None:
        """Let go of everything, publishing nothing."""
        raise NotImplementedError

    def _abandon(self) -> None:
        """Close what is open in this process, and leave everything as it lies."""
        raise NotImplementedError

    # What they have in common.

    @property
    def records(self) -> int:
        """How many records were written."""
        with self._lock:
            return self._stored_records + len(self._frames) + self._more_records

    @property
    def raw_bytes(self) -> int:
        """How many bytes their frames have, before compression."""
        with self._lock:
            entries, size = self._counted
            more = self._frames[entries:]
            size += sum(map(len, chain.from_iterable(more)))
            # Counted once: callers may ask after each record.
            self._counted = (entries + len(more), size)
            return self._stored_bytes + size

    def __repr__(self) -> str:
        records = plural(self.records, "record")
        return f"<{type(self).__name__} of {printable(self._name())}: {records}>"

    def write(self, record: Buffer) -> None:
        """Write one record, a C-contiguous bytes-like object; TypeError for all else."""
        data = record if type(record) is bytes else bytes(contiguous(record))
        size = len(data)
        frame = (header_of(size), data, footer_of(data))
        if self._gathered >= self._chunk_bytes:
            self._store_chunk()
        self._gathered += size + FRAME_OVERHEAD
        # All in one line, the last one: an interrupt before it has written nothing. The look comes
        # after the append, since who closes says so first and looks at the list then.
        if self._frames.append(frame) or not self._usable:  # type: ignore[func-returns-value,redundant-expr]
            self._take_back(frame)

    def write_many(self, records: Iterable[Buffer] | RecordBlock) -> None:
        """Write each record of an iterable, or a whole `RecordBlock`."""
        if not self._usable:
            self._refuse()
        if isinstance(records, RecordBlock) and len(records):
            with self._lock:
                if not self._is_storing and self._exclusively(self._store_block, records):
                    return
        check_records(records)
        for record in records:
            self.write(record)

    def write_example(
        self, mapping: Mapping[str, object], features: Mapping[str, Any] | None = None
    ) -> None:
        """Write one record, the Example that `encode_example` makes of features by name."""
        from tfrecord_lite.example.encode import encode_example

        self.write(encode_example(mapping, self._features_of(features)))

    def write_examples(
        self, columns: Mapping[str, object], features: Mapping[str, Any] | None = None
    ) -> int:
        """Write an Example for each row of columns, as `encode_examples`, and return how many.

        Columns of a context and of feature lists, as `encode_sequence_examples` takes them, make
        SequenceExamples.

        A part of the rows is encoded at a time. Raises what `encode_examples` raises; the rows
        before those that are encoded together are written then.
        """
        from tfrecord_lite.example.batch import encode_blocks
        from tfrecord_lite.example.sequence_batch import are_sequences, encode_sequence_blocks

        given: Any = self._features_of(features)
        blocks: Iterable[Any] = (
            encode_sequence_blocks(columns, given)
            if are_sequences(columns, given)
            else encode_blocks(columns, given)
        )
        rows = 0
        for block in blocks:
            self.write_many(block)
            rows += len(block)
        return rows

    def _features_of(self, features: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Return the features to encode with, where a caller gives these."""
        return features

    def close(self) -> None:
        """Complete what was written, and publish it. Closing twice is harmless.

        Raises what an earlier write raised, if one did: then nothing was published.
        """
        if not self._closed and not self._is_owner():
            self._abandon()
            self._check_owner()
        with self._lock:
            if self._closed:
                return
            if self._usable and self._is_storing:
                self._refuse_nested()
            try:
                self._exclusively(self._finish)
            except BaseException:
                self._abort()
                raise
            finally:
                self._closed = True

    def __enter__(self) -> Self:
        self._check_owner()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            try:
                self.close()
            except BaseException:
                # An interrupt may have come before all else, and nobody can close it any more. A
                # signal handler that is refused has interrupted one who can.
                if self._is_owner() and not self._is_storing:
                    self._let_go(self._abort)
                raise
        elif self._closed:
            return
        elif not self._is_owner():
            self._abandon()
        else:
            self._let_go(self._cancel)

    def _let_go(self, let_go: Callable[[], None]) -> None:
        with self._lock:
            try:
                if not self._closed:
                    let_go()
            finally:
                self._usable = False
                self._closed = True

    def _give_up(self) -> None:
        self._closed = True
        with suppress(Exception):
            self._exclusively(self._keep)
        self._abandon()

    def _after_fork(self) -> None:
        super()._after_fork()
        # A thread that the child does not have may have held it.
        self._lock = threading.RLock()

    def _take_back(self, frame: Frame) -> None:
        """Refuse what was appended to a writer that is closed, has failed, or is the parent's.

        Where the frame is no longer in the list, it was stored in time.
        """
        with self._lock:
            for index, other in enumerate(self._frames):
                if other is frame:
                    del self._frames[index]
                    self._refuse()

    def _refuse(self) -> NoReturn:
        """Say why nothing can be written."""
        self._check_owner()
        if self._failure is not None:
            raise self._failure
        raise ValueError(f"{printable(self._name())}: write to a closed {type(self).__name__}")

    def _refuse_nested(self) -> NoReturn:
        raise RuntimeError(
            f"{printable(self._name())}: flush or close in a signal handler that interrupted a "
            "write; set a flag there, and look at it between writes"
        )

    def _exclusively(self, store: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Store something; what is raised by that is raised again by each later call."""
        with self._lock:
            if not self._usable:
                self._refuse()
            if self._is_storing:
                self._refuse_nested()
            try:
                self._is_storing = True
                result = store(*args, **options)
                self._is_storing = False
            except BaseException as error:
                self._failure = error
                self._usable = False
                raise
            return result

    def _finish(self) -> None:
        # Whoever appends from here on looks whether it was in time.
        self._usable = False
        self._store_pending()
        self._complete()
        self._closed = True

    def _store_chunk(self) -> None:
        """Store what was gathered, if no other thread has just done so."""
        with self._lock:
            # Or a signal handler writes: what it has interrupted is storing.
            if self._gathered >= self._chunk_bytes and not (self._is_storing and self._usable):
                self._exclusively(self._store_pending)

    def _store_pending(self) -> None:
        """Store all frames there are."""
        self._gathered = 0
        count, more = len(self._frames), self._more_records
        frames = self._frames[:count]
        if frames:
            size = self._store(frames, count + more)
            del self._frames[:count]
            self._more_records = 0
            self._counted = (0, 0)
            self._stored_records += count + more
            self._stored_bytes += size
