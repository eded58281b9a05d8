"""Dataset: the records of many files in batches, epoch by epoch, in an order to be resumed."""

from __future__ import annotations

import operator
from contextlib import closing
from copy import copy
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any, TypeVar

from tfrecord_lite.dataset.batcher import Batches, Cursor, Position, Tables
from tfrecord_lite.dataset.chunk import Chunk
from tfrecord_lite.dataset.chunk_reader import ChunkReader, DecodedChunk, Task
from tfrecord_lite.dataset.epoch_records import EpochRecords
from tfrecord_lite.dataset.fitting import check_features
from tfrecord_lite.dataset.mapping import BatchMapper
from tfrecord_lite.dataset.numbers import at_least, timeout_of
from tfrecord_lite.dataset.plan import Plan
from tfrecord_lite.dataset.resuming import States
from tfrecord_lite.dataset.schema import LateFeatures, Schema
from tfrecord_lite.dataset.settings import Settings
from tfrecord_lite.errors import ignore_damage
from tfrecord_lite.example.normalize import check_given
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.parallel.cores import usable_cores
from tfrecord_lite.parallel.read_ahead import closing_idle, read_ahead
from tfrecord_lite.parallel.workers import Workers
from tfrecord_lite.records.closing import Closing
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.text import html_table, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, OnDamage, Paths, Verify
    from tfrecord_lite.dataset.order import Even

__all__ = ["Dataset"]

T = TypeVar("T")


class Dataset(Closing):
    """Examples of many files in batches of columns, epoch by epoch: what a training loop wants.

    Each ``iter()`` is the next epoch. It yields what `parse_example` gives for ``batch_size``
    records at a time, as `read_batches` does; the last batch is smaller, or is left out with
    ``drop_remainder``. ``len()`` is the number of batches.

    ``paths`` and what they mean are those of `RecordSet`, ``features`` and ``strict`` those of
    `parse_example`. Without ``features`` they are those of the manifest, or else are inferred from
    the first 1,000 records; then a feature that only later records have is warned of, once.

    ``shuffle=True`` shuffles all records, read by their numbers: of plain files, or of blocked
    gzip, which then is inflated almost whole for every 32 MB that are read. A number is the size of
    a buffer, as in ``tf.data``: files are read from the front, and inflated once, in a new order
    each epoch, ``interleave`` of them in turn. The order follows from ``seed``, the number of the
    epoch and these options, and from nothing else.

    ``rank`` and ``world_size`` share the records out. With ``shuffle=True`` all ranks go through
    one order: each global step is its next ``world_size * batch_size`` records, a batch for each
    rank. Else each rank has consecutive records, so that it reads files of its own. Each record is
    one rank's, so the shares may differ by a record and the ranks by a batch. For synchronous
    training ``even`` makes them equal: "drop" leaves out up to ``world_size - 1`` records at the
    end of the order, "pad" repeats as many from its beginning.

    ``repeat`` is how many epochs one ``iter()`` goes through, None for no end. No batch has records
    of two epochs: it is ``tf.data``'s ``batch().repeat()``.

    ``workers`` is how many processes read and decode beside this one, None for all cores; they
    change nothing in what comes when. They start with the first epoch and end with the dataset,
    with `close`, or where an epoch is left before its end. One that gives no result for ``timeout``
    seconds, its start included, is ended, which is a ``RuntimeError``, as is one that dies. Their
    standard input is empty, and what is printed there goes to standard error.

    ``map`` is a function of a batch, called in the workers if there are any; what it returns comes
    in place of the batch: arrays, which go through shared memory, in dicts and lists of any depth,
    or anything else. Where it has a parameter ``rng`` that is a `numpy.random.Generator` that
    follows from ``seed``, the epoch and the batch, whatever the number of workers. What it raises
    is raised in the place of the batch, with a note that names the records. With workers it needs
    cloudpickle, of the extra ``train``; it may be a function of the main module, or a local one.

    ``compression``, ``verify``, ``max_record_bytes``, damage and ``on_damage`` are those of
    `RecordReader`; ``len()`` counts what is left out.
    ``on_damage`` is called in this process. Which records there are, and which regions it is told,
    once an epoch, depends on nothing else that is said here. An intact record has to have a number:
    where several stand in the place of one that was damaged, as bytes of it were lost, the first
    has its number, and the others are left out with the region, which says so.

    What can be known to be wrong is an error here and now, naming the file: one that is missing,
    is none of records, does not fit its manifest, or has a first record without a feature. So is
    one that is truncated or has damaged lengths, for which ``check`` reads the frames of files that
    have neither manifest nor index; it does not look at streams (zlib, and gzip that is not
    blocked), which cost as much as an epoch.

    An exception, of a signal handler too, costs the batch that is on its way at most: ``next()``
    on the same iterator goes on. An iterator is for one thread at a time and for the process that
    made it, a forked child makes its own; anything else is a ``RuntimeError``.

    >>> import os, tempfile, tfrecord_lite as tfr
    >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> dataset = Dataset(path, batch_size=2, shuffle=True)
    >>> for epoch in range(2):
    ...     print([batch["label"].tolist() for batch in dataset])
    [[1, 2], [4, 3], [0]]
    [[0, 2], [4, 3], [1]]
    >>> list(Dataset(path, batch_size=2, map=lambda batch: sum(batch["label"].tolist())))
    [1, 5, 4]
    """

    def __init__(
        self,
        paths: Paths | RecordSet,
        features: FeaturesLike | None = None,
        *,
        batch_size: int,
        shuffle: bool | int = False,
        interleave: int = 16,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        even: Even = None,
        repeat: int | None = 1,
        workers: int | None = 0,
        map: Callable[..., Any] | None = None,  # noqa: A002 - what tf.data calls it
        timeout: float | None = None,
        drop_remainder: bool = False,
        strict: bool = True,
        check: bool = True,
        compression: CompressionOrAuto = "auto",
        verify: Verify = True,
        on_damage: OnDamage = "raise",
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        self._settings = Settings(
            batch_size=batch_size,
            shuffle=shuffle,
            interleave=interleave,
            seed=seed,
            rank=rank,
            world_size=world_size,
            even=even,
            repeat=repeat,
            drop_remainder=drop_remainder,
        )
        self._workers = usable_cores() if workers is None else at_least(0, workers=workers)
        if map is not None and not callable(map):
            raise TypeError(f"map={map!r} must be a function of a batch")
        self._map = map
        self._timeout = timeout_of(timeout)
        check_given(features)
        records = RecordSet.of(
            paths,
            compression=compression,
            verify=verify,
            on_damage=on_damage,
            max_record_bytes=max_record_bytes,
        )
        given = records.options["on_damage"]
        self._on_damage = given if callable(given) else ignore_damage
        self._records = EpochRecords(records)
        by_number = self._settings.shuffle is True
        if by_number or self._workers or (check and self._records.manifest is None):
            self._records.build_indexes(needed=by_number)
        self._schema = Schema.find(features, records, strict=strict)
        check_features(self._records, self._schema)
        self._late = LateFeatures(self._schema)
        self.features = self._schema.features
        """The features, as given or as found."""
        self._plan = Plan(
            self._records, self._settings, parallel=self._workers > 0, by_batch=map is not None
        )
        self._states = States(self._records, self._settings)
        self._cursor = Cursor(Position(0, 0))
        self._idle: Workers[Task, DecodedChunk] | None = None

    def __len__(self) -> int:
        if self._settings.repeat is None:
            raise TypeError("with repeat=None there is no end, and so no len()")
        return self._plan.batches() * self._settings.repeat

    # Iterating.

    def __iter__(self) -> Batches[Any]:
        return self._iterate(methodcaller("batch"))

    def _iterate(self, finish: Callable[[Any], T], *, together: bool = False) -> Batches[T]:
        """Begin with the next epoch, or go on where a state was loaded."""
        before = self._cursor.position
        epoch, step = (self._end(before.epoch), 0) if before.begun else before[:2]
        self._cursor = Cursor(Position(epoch, step, begun=True, fresh=True))
        tables = Tables(
            self._cursor,
            partial(self._decoded_chunks, self._plan),
            self._end,
            self._settings.batch_size,
            drop_remainder=self._settings.drop_remainder,
            on_damage=self._on_damage,
            together=together,
            goes_on=not self._plan.is_of_turns,
        )
        return Batches(tables, finish)

    def _end(self, epoch: int) -> int:
        """Return the first epoch after those that one iterator goes through."""
        repeat = self._settings.repeat or 1
        return (epoch // repeat + 1) * repeat

    def _decoded_chunks(
        self, plan: Plan, epoch: int, step: int, end: int
    ) -> Generator[DecodedChunk, None, None]:
        if step and self._settings.shuffle:
            # To go on between files that take turns all must be counted, for the workers too.
            self._records.total()
        if self._map is None:
            reader = ChunkReader(self._records, self._schema)
        else:
            reader = BatchMapper(
                self._records,
                self._schema,
                self._map,
                self._settings.seed,
                self._workers > 0,
            )
        tasks = self._tasks(plan, epoch, step, end)
        if not self._workers:
            # Only inflating leaves the interpreter free for long enough.
            read = read_ahead(map(reader.read, tasks), lambda _: self._records.compressed)
            with closing(reader), closing_idle(tasks), closing(read):
                yield from map(self._warned, map(reader.decode, read))
            return
        workers, self._idle = self._idle, None
        if workers is None or workers.closed:
            workers = Workers(
                reader, self._workers, timeout=self._timeout, by_value=self._map is not None
            )
        ahead = read_ahead(tasks, lambda task: isinstance(task.records, Chunk))
        with closing_idle(tasks), closing(ahead), closing(workers.map(ahead)) as chunks:
            yield from map(self._warned, chunks)
        if self._idle is None:
            self._idle = workers
        else:
            workers.close()

    def _warned(self, chunk: DecodedChunk) -> DecodedChunk:
        self._late.warn(chunk.late)
        return chunk

    def _tasks(self, plan: Plan, epoch: int, step: int, end: int) -> Generator[Task, None, None]:
        while self._settings.repeat is None or epoch < end:
            empty = step == 0
            with closing(plan.chunks(epoch, step)) as chunks:
                for chunk in chunks:
                    empty = False
                    yield Task(epoch, chunk, plan.batch_key(epoch, chunk.steps))
            if empty:
                return
            epoch, step = epoch + 1, 0

    def __repr__(self) -> str:
        return (
            f"<Dataset of {plural(len(self._records.files), 'file')}: "
            f"batches of {plural(self._settings.batch_size, 'record')}>"
        )

    def _repr_html_(self) -> str:
        found = self._schema.features
        parts = (
            {"context": found.context, "feature_lists": found.feature_lists}
            if isinstance(found, SequenceFeatures)
            else {"features": found}
        )
        rows = [
            [part, name, str(feature)]
            for part, features in parts.items()
            for name, feature in features.items()
        ]
        return html_table(["", "name", "feature"], rows, repr(self).strip("<>"))

    # Which batches.

    def set_epoch(self, epoch: int) -> None:
        """Have the next ``iter()`` be that of an epoch, counted from 0: of its order, to its end.

        Where a state is of this epoch, and was loaded since the last ``iter()``, it goes on there.

        >>> import os, tempfile, tfrecord_lite as tfr
        >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
        >>> _ = tfr.write_examples(path, {"label": range(5)})
        >>> dataset = Dataset(path, batch_size=5, shuffle=True)
        >>> dataset.set_epoch(1)
        >>> next(iter(dataset))["label"].tolist()
        [0, 2, 4, 3, 1]
        """
        epoch = at_least(0, epoch=epoch)
        position = self._cursor.position
        if position.begun or position.epoch != epoch:
            self._plan = self._plan.resumed(epoch, 0)
            self._cursor = Cursor(Position(epoch, 0))

    def in_turns(self, turn: int, turns: int) -> Dataset:
        """Return a dataset of every ``turns``-th of these batches, the first with number ``turn``.

        It is for one of several processes that give an epoch's batches in turns. Where records are
        left out as damaged, a batch is what is left of its records. Raises ``ValueError`` where
        ``turn`` is not from 0 to before ``turns``. A state of it keeps its ``world_size``.

        >>> import os, tempfile, tfrecord_lite as tfr
        >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
        >>> _ = tfr.write_examples(path, {"label": range(7)})
        >>> dataset = Dataset(path, batch_size=2)
        >>> [batch["label"].tolist() for batch in dataset.in_turns(1, 2)]
        [[2, 3], [6]]
        """
        turn, turns = operator.index(turn), at_least(1, turns=turns)
        if not 0 <= turn < turns:
            raise ValueError(f"turn={turn} must be from 0 to turns - 1, where turns={turns}")
        other = copy(self)
        other._cursor = Cursor(Position(*self._cursor.position[:2]))  # noqa: SLF001
        other._plan = self._plan.in_turns(turn, turns)  # noqa: SLF001 - a copy of our own
        return other

    # Resuming.

    def state_dict(self) -> dict[str, Any]:
        """Return where the newest iterator stands, as a small dict that JSON can hold.

        It tells of the batches returned, not of those read ahead. The state of one rank is also
        that of every other which has been returned as many batches. At the end of an epoch it is
        that of the beginning of the next.
        """
        return self._states.state(self._plan, self._cursor.position)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the next ``iter()`` go on where ``state_dict()`` was called.

        At the very next record; or with the next epoch, where no batch was left. ``workers``,
        ``repeat``, ``map`` and ``features`` may be others. So may ``world_size``: with ``shuffle``
        True anywhere, where all ranks have returned as many batches; else at the end of an epoch.
        Raises ``ValueError`` for a state of other files, or of settings with which other records
        would follow.
        """
        self._plan, position = self._states.position(self._plan, state)
        self._cursor = Cursor(position)

    def __getstate__(self) -> dict[str, Any]:
        # Worker processes are this one's; and its iterators move no copy.
        return {**self.__dict__, "_idle": None, "_cursor": Cursor(self._cursor.position)}

    # Ending.

    def close(self) -> None:
        """End the worker processes that wait for another epoch. A new epoch starts new ones."""
        if self._idle is not None:
            self._idle.close()
