"""RecordSet: the records of one or many files under one numbering, and the one way to read them."""

from __future__ import annotations

import copy
import io
import os
from functools import cached_property, partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.errors import CompressionError, TFRecordError, ignore_damage
from tfrecord_lite.files.by_number import ByNumber, as_numbers, no_record
from tfrecord_lite.files.checked_block import read_few_of_each
from tfrecord_lite.files.fronts import Fronts
from tfrecord_lite.files.index import RecordIndex, load_fitting
from tfrecord_lite.files.kept_indexes import KeptIndexes, max_bytes_of_each
from tfrecord_lite.files.manifest import Manifest, find_manifest
from tfrecord_lite.files.one_after_another import OneAfterAnother
from tfrecord_lite.files.open_files import OpenFiles
from tfrecord_lite.files.picked_block import PickedBlock
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.files.resolve import resolve
from tfrecord_lite.files.splits import Split, make_splits
from tfrecord_lite.records.compression import codec_named
from tfrecord_lite.records.iterating import flatten
from tfrecord_lite.records.numbers import at_least
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.records.reader import (
    DEFAULT_MAX_RECORD_BYTES,
    RecordReader,
    check_on_damage,
    check_verify,
)
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.text import plural, printable
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite._types import (
        CompressionOrAuto,
        Int64Array,
        NameOrFile,
        OnDamage,
        Paths,
        Verify,
    )
    from tfrecord_lite.files.by_number import Numbers
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["RecordSet", "locate"]


class RecordSet(ByNumber):
    """The records of files, numbered from 0 in the order of the files.

    ``paths`` is a path of a file or a directory, a glob, ``NAME@N``, the NAME of a set of shards or
    the path of its manifest, an open binary file, or a list of these, as `expand_shards` says; or a
    `RecordSet`, which has its own options. The options are those of `RecordReader`. Nothing is read
    of any file before something is asked.

    ``set[i]`` is a record, counted from the end where i is negative; ``set[a:b]`` and
    ``set[[i, j, ...]]`` are lists of records, in the order asked, for which each file is read once.
    That is for plain files and blocked gzip, and safe from several threads at once. How many
    records a file has is known from the ``manifest``, its sidecar, or its index, which is built
    where there is neither. Damage raises there; iterating, and `blocks`, read the files from
    their front and do with damage what ``on_damage`` says.

    Where all files are named by paths it can be pickled. It is an Arrow stream of the Examples, for
    whatever takes these. Files that stay open are closed with `close`, or when nobody uses it.
    Raises as `expand_shards` does here and now, later what `RecordReader` and `RecordFile` raise.

    >>> import tempfile, tfrecord_lite as tfr
    >>> name = tempfile.mkdtemp() + "/train"
    >>> with tfr.ShardWriter(name, records_per_shard=2) as writer:
    ...     writer.write_many([b"zero", b"one", b"two", b"three"])
    >>> with tfr.RecordSet(name) as records:
    ...     print(len(records), records[2], records[1:3], records[[3, 0]])
    4 b'two' [b'one', b'two'] [b'three', b'zero']
    """

    def __init__(
        self,
        paths: Paths | RecordSet,
        *,
        compression: CompressionOrAuto = "auto",
        verify: Verify = True,
        on_damage: OnDamage = "raise",
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        if compression != "auto":
            codec_named(compression)
        check_on_damage(on_damage)
        self.options: dict[str, Any] = {
            "compression": compression,
            "verify": check_verify(verify),
            "on_damage": on_damage,
            "max_record_bytes": at_least(0, max_record_bytes=max_record_bytes),
        }
        """What all that reads these files is called with."""
        if isinstance(paths, RecordSet):
            self.__dict__.update(RecordSet.of(paths, **self.options).__dict__)
            self._open = OpenFiles()
            return
        self.files, self._named = resolve(paths)
        self._fronts = Fronts(self.files)
        self._indexes = KeptIndexes()
        self._open = OpenFiles()

    @classmethod
    def of(cls, paths: Paths | RecordSet, **options: Any) -> RecordSet:
        """Return the set of these paths; one that is a set already is taken with its own options.

        ``ValueError`` where options are given beside a set.
        """
        if not isinstance(paths, RecordSet):
            return cls(paths, **options)
        defaults = {
            "compression": "auto",
            "verify": True,
            "on_damage": "raise",
            "max_record_bytes": DEFAULT_MAX_RECORD_BYTES,
        }
        given = [name for name, value in options.items() if value != defaults[name]]
        if given:
            raise ValueError(
                f"{', '.join(given)}: a RecordSet is read with its own options; give them to it"
            )
        return paths

    def replace(self, **options: Any) -> RecordSet:
        """Return the same set with other options."""
        other = copy.copy(self)
        other.options = {**self.options, **options}
        other._open = OpenFiles()  # noqa: SLF001 - of this class
        return other

    @property
    def names(self) -> list[str]:
        """What messages call the files."""
        return [name_of(file) for file in self.files]

    @property
    def tolerant(self) -> bool:
        """Whether damage is left out, where files are read from their front."""
        return bool(self.options["on_damage"] != "raise")

    @cached_property
    def manifest(self) -> Manifest | None:
        """The manifest of exactly these files, compared with their sizes; None where none is."""
        if self._named is not None:
            return self._named
        if any(not isinstance(file, str) for file in self.files):
            return None
        try:
            return find_manifest(self.names)
        except TFRecordError:
            # Who wants what is left of a set names its files one by one.
            if self.tolerant:
                return None
            raise

    # From the front.

    def reader(self, number: int, **options: Any) -> RecordReader:
        """Return a reader of one of the files; ``options`` replace those of the set."""
        return self._fronts.open(number, {**self.options, **options})

    def peek(self, number: int, **options: Any) -> RecordReader:
        """Return a reader of one of the files that takes nothing from who reads it after that.

        What it reads of a pipe is kept in memory, `kept_bytes` in all.
        """
        return self._fronts.open(number, {**self.options, **options}, peek=True)

    @property
    def kept_bytes(self) -> int:
        """How many bytes of pipes are kept, to be read again."""
        return self._fronts.kept_bytes

    def front(self, number: int) -> NameOrFile:
        """Return one of the files; an open one stands where it stood at first, if it seeks."""
        return self._fronts.file(number)

    def __iter__(self) -> Iterator[bytes]:
        source = self._reading()
        records = flatten(source.take_pending, self)
        records.close = source.close
        return records

    def blocks(self) -> Iterator[RecordBlock]:
        """Iterate over all records by `RecordBlock`, file after file."""
        return iter(self._reading().next_block, None)

    def _reading(self) -> OneAfterAnother:
        return OneAfterAnother(len(self.files), self.reader, self)

    def splits(
        self, count: int | None = None, *, bytes_per_split: int | None = None
    ) -> list[Split]:
        """Return small picklable pieces that together hold each record exactly once, in order.

        There are ``count`` of them, or fewer, or as many as it takes with about ``bytes_per_split``
        of the files each; with neither one a file. Plain files and blocked gzip are cut inside, at
        a record that their sidecar tells, or else at the next true header; other compressed
        files are one piece each.
        """
        files = [self.front(number) for number in range(len(self.files))]
        return make_splits(files, self.options, count, bytes_per_split)

    # By number.

    @cached_property
    def counts(self) -> list[int | None]:
        """How many records each file has; None where nobody has counted yet."""
        if self.manifest is None:
            return [None] * len(self.files)
        records = {entry.name: entry.records for entry in self.manifest.entries}
        return [records[os.path.basename(name)] for name in self.names]

    def index(self, number: int) -> RecordIndex:
        """Return the index of one of the files: of its sidecar, or built.

        Raises as `RecordIndex.build`, and `TFRecordError` where the manifest says that there are
        more records, or fewer.
        """
        index = self._indexes.get(number)
        if index is None:
            with PositionedFile(self.front(number)) as file:
                index = self._find_index(number, file)
        return index

    def _find_index(self, number: int, file: PositionedFile) -> RecordIndex:
        index, compression = None, self.options["compression"]
        if file.owned:
            known = None if self.manifest is None else self.manifest.records
            max_kept_bytes = max_bytes_of_each(len(self.files), known)
            index = load_fitting(file, compression, max_kept_bytes=max_kept_bytes)
        built = index is None
        if index is None:
            verify = self.options["verify"]
            lengths = verify if verify == "none" else False
            index = RecordIndex.build(file, compression=compression, verify=lengths)
        if self.counts[number] not in (None, len(index)):
            raise self.wrong_count(number, self.counts[number], f"{len(index)} records")
        self.counts[number] = len(index)
        self._indexes.add(number, index, built=built)
        return index

    def wrong_count(self, number: int, known: int | None, found: str) -> TFRecordError:
        """Return the error about a file with other records than are known of it."""
        says = "its index" if self.manifest is None else self.manifest.path
        return TFRecordError(
            f"{found}, but {says} says {known}: this is another file, or it "
            "was written to since; write the set again",
            path=self.names[number],
        )

    def _count(self, number: int) -> int:
        try:
            return len(self.index(number))
        except TFRecordError as error:
            if not (self.tolerant or isinstance(error, CompressionError)):
                raise
        count = 0
        with self.reader(number, on_damage=ignore_damage if self.tolerant else "raise") as reader:
            for block in reader.blocks():
                count = block.first_record + len(block)
                reader.recycle(block)
        return count

    @cached_property
    def bases(self) -> Int64Array:
        """The number of each file's first record, and of the first that is in none."""
        for number, known in enumerate(self.counts):
            if known is None:
                self.counts[number] = self._count(number)
        counts = [count or 0 for count in self.counts]
        return np.array([*accumulate(counts, initial=0)], np.int64)

    def __len__(self) -> int:
        try:
            return int(self.bases[-1])
        except io.UnsupportedOperation as error:
            # `list` asks for this before it reads, and goes on after a TypeError alone.
            raise TypeError(str(error)) from None

    @property
    def _label(self) -> RecordSet:
        return self

    def _record(self, which: int) -> bytes:
        count = len(self)
        if not -count <= which < count:
            raise no_record(self, which, count)
        file, record = locate(self.bases, which + count if which < 0 else which)
        return self._opened(file)[record]

    def _records(self, numbers: Int64Array) -> list[bytes]:
        found = np.empty(len(numbers), object)
        for file, rows in self._by_file(numbers):
            found[rows] = self._opened(file)[numbers[rows] - self.bases[file]]
        return found.tolist()

    def read_block(self, numbers: Numbers) -> PickedBlock:
        """Return records in one buffer, in the order asked, int64 ``[records]`` or a list of ints.

        The block knows file, number and offset of each, for errors about what is in it.
        """
        wanted = as_numbers(numbers, len(self), self)
        which = np.searchsorted(self.bases, wanted, "right") - 1
        count = np.count_nonzero(np.bincount(which))
        if count > 1 and len(wanted) < thresholds.block_records * count:
            local, verify = wanted - self.bases[which], self.options["verify"]
            return read_few_of_each(which, local, self._opened, verify=verify)
        parts = [
            (rows, self._opened(file).read_block(wanted[rows] - self.bases[file]))
            for file, rows in self._by_file(wanted)
        ]
        return PickedBlock.joined(parts)

    def _by_file(self, numbers: Int64Array) -> Iterator[tuple[int, Int64Array]]:
        """Yield each file that holds some of these records, with where they stand in ``numbers``.

        Those of one file are in the order of ``numbers``.
        """
        which = np.searchsorted(self.bases, numbers, "right") - 1
        order = np.argsort(which, kind="stable")
        edges = np.flatnonzero(np.diff(which[order], prepend=-1, append=len(self.bases)))
        for begin, end in pairwise(edges.tolist()):
            yield int(which[order[begin]]), order[begin:end]

    def _opened(self, number: int) -> RecordFile:
        return self._open.get(number, self.open_file)

    def open_file(self, number: int) -> RecordFile:
        """Return one of the files, to be read by number."""
        return RecordFile.by(
            self.front(number),
            partial(self._fitting_index, number),
            self.options["verify"],
            self.options["max_record_bytes"],
        )

    def _fitting_index(self, number: int, file: PositionedFile) -> RecordIndex:
        index = self._indexes.get(number)
        if index is None:
            return self._find_index(number, file)
        index.check(file)
        return index

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Give the Examples as an Arrow stream, that of `tfrecord_lite.arrow.to_arrow`."""
        from tfrecord_lite.arrow.reading import exported

        return exported(self).__arrow_c_stream__(requested_schema)

    def close(self) -> None:
        """Close the files that are open; they are opened again when they are needed."""
        self._open.close()

    def __repr__(self) -> str:
        files = plural(len(self.files), "file")
        counts = self.__dict__.get("counts", [None])
        records = "" if None in counts else f", {plural(len(self), 'record')}"
        return f"<RecordSet of {files}{records}: {printable(name_of(self.files[0]))}>"

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "_open"}
        # First what says why open files cannot be pickled: a file itself would say less.
        return {"_fronts": state.pop("_fronts"), **state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open = OpenFiles()


def locate(bases: Int64Array, number: int) -> tuple[int, int]:
    """Return which file holds a record, and its number there.

    ``bases`` has the number of each file's first record, and of the first that is in none.
    """
    file = int(np.searchsorted(bases, number, "right")) - 1
    return file, number - int(bases[file])
