"""RecordIndex: where the records of a file lie, so that any of them can be read by itself."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfrecord_lite.errors import CompressionError
from tfrecord_lite.files.bounds import Bounds
from tfrecord_lite.files.fingerprint import Fingerprint, StaleIndexError
from tfrecord_lite.files.places import (
    Members,
    are_stated,
    check_members,
    find_bounds,
    find_members,
    places_from,
    places_in,
    places_to,
)
from tfrecord_lite.files.sidecar import (
    MAGIC,
    SidecarBlocks,
    read_sidecar,
    sidecar_of,
    write_sidecar,
)
from tfrecord_lite.files.text_index import read_text_index, write_text_index
from tfrecord_lite.records.compression import HEAD_BYTES, codec_named, find_codec
from tfrecord_lite.records.file_system import is_file, open_file
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.positions import PositionedFile, positioned
from tfrecord_lite.records.reader import check_verify
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite._types import CompressionOrAuto, Int64Array, Path, PathOrFile, Verify

    Progress = Callable[[str, int], object]

__all__ = ["Members", "RecordIndex", "StaleIndexError", "load_fitting"]


class RecordIndex:
    """Where the records of a plain or a blocked gzip file lie.

    Made by `build`, by `load` from a sidecar, by `open` whichever is quicker, or by `from_text`.
    ``len`` is the number of records, ``path`` the file's, ``compression`` None or ``"GZIP"``. It
    belongs to the file as it was: where that has changed since, using the index is a
    `StaleIndexError`.

    Of a plain file it knows every record (8 bytes of memory each, or read from the sidecar where
    they are needed), of blocked gzip the ``members``: where the records lie in a member is seen
    when it is inflated.

    >>> import os, tempfile, tfrecord_lite as tfr
    >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
    >>> _ = tfr.write_records(path, [b"foo", b"", b"barbaz"])
    >>> index = tfr.RecordIndex.build(path)
    >>> len(index), index.offsets.tolist(), index.lengths.tolist()
    (3, [0, 19, 35], [3, 0, 6])
    >>> os.path.basename(index.save())
    'a.tfrecord.index'
    >>> tfr.RecordIndex.load(path).offsets.tolist()
    [0, 19, 35]
    """

    def __init__(
        self, path: str, fingerprint: Fingerprint, places: Int64Array | Bounds | Members
    ) -> None:
        self.path = path
        self._fingerprint = fingerprint
        self._places = Bounds(places) if isinstance(places, np.ndarray) else places

    @classmethod
    def build(
        cls,
        path: PathOrFile | PositionedFile,
        *,
        compression: CompressionOrAuto = "auto",
        verify: Verify = False,
        progress: Progress | None = None,
    ) -> RecordIndex:
        """Make the index of a file, or of an open binary file that seeks.

        Lengths are believed by their checksums; the data is not read where that saves time, and is
        checked when it is accessed. Of blocked gzip the header of each member is read. ``verify``
        reads everything and checks all of it now; "none" believes lengths without their checksums.
        ``progress`` is called with the file's name and how many bytes of it have been dealt with.

        Raises what `RecordReader` raises where the file is damaged, with record and offset; and
        `CompressionError` for zlib and for gzip that is not blocked, which can only be read from
        the front: the message says how to write it again.
        """
        codec = None if compression == "auto" else codec_named(compression)
        verify = check_verify(verify)
        with positioned(path) as file:
            fingerprint = Fingerprint.of(file)
            if compression == "auto":
                codec = find_codec(file.read_at(HEAD_BYTES, 0))
            report = partial(progress or _no_progress, file.path)
            places: Int64Array | Members
            if codec is None:
                places = find_bounds(file, report, verify=verify)
            elif codec == "GZIP":
                places = find_members(file, report)
                if verify is True:
                    check_members(file, report)
            else:
                raise CompressionError(
                    "a ZLIB stream can only be read from its front; for random access write it "
                    "again without compression, or as GZIP",
                    path=file.path,
                )
            index = cls(file.path, fingerprint, places)
            # What was read while the file changed is of no use.
            index.check(file)
        return index

    @classmethod
    def load(
        cls,
        path: Path | PositionedFile,
        sidecar: Path | None = None,
        *,
        max_kept_bytes: int | None = None,
    ) -> RecordIndex:
        """Read the sidecar of the file at ``path``: ``PATH.index``, or another that is named.

        Of a plain file of many records what is needed is read when it is needed, and checked then;
        at most ``max_kept_bytes`` of it are kept in memory, 256 MiB if None. The sidecar must stay
        meanwhile.

        Raises `StaleIndexError` where the file is not the one that was indexed (its size, time of
        modification or first and last 4 KiB differ) or the sidecar is damaged, which may be when it
        is used, and ``FileNotFoundError`` where there is none. The members of blocked gzip are
        compared with their headers in the file; of a plain file nothing but an index tells the
        numbers of records without reading all of it, so its index is believed (SECURITY.md).
        """
        with positioned(path) as file:
            name = sidecar_of(file.path) if sidecar is None else name_of(sidecar)
            fingerprint, found = read_sidecar(name, file)
            places = (
                places_in(found, fingerprint.size, max_kept_bytes)
                if isinstance(found, SidecarBlocks)
                else places_from(found, fingerprint.size)
            )
            if places is None:
                raise StaleIndexError(
                    "the numbers in the index do not fit the file's size", path=name
                )
            if isinstance(places, Members) and not are_stated(file, places):
                raise StaleIndexError(
                    f"the members in the index are not those whose headers stand in {file.path}",
                    path=name,
                )
        return cls(file.path, fingerprint, places)

    @classmethod
    def open(
        cls,
        path: PathOrFile | PositionedFile,
        *,
        compression: CompressionOrAuto = "auto",
        verify: Verify = False,
    ) -> RecordIndex:
        """Load the sidecar where it can be read and fits the file, otherwise build the index.

        One of another ``compression`` than is named does not fit. What was built is not saved.
        """
        with positioned(path) as file:
            index = load_fitting(file, compression) if file.owned else None
            if index is None:
                index = cls.build(file, compression=compression, verify=verify)
            return index

    @classmethod
    def from_text(cls, path: Path, text: Path) -> RecordIndex:
        """Read a text index of the plain file at ``path``, as DALI's ``tfrecord2idx`` writes it.

        Each line has the offset of a frame and its size in bytes. All records must be there, in
        their order, up to the end of the file; else `StaleIndexError`. What lies between the ends
        is checked when it is accessed.
        """
        with positioned(path) as file:
            codec = find_codec(file.read_at(HEAD_BYTES, 0))
            if codec is not None:
                raise CompressionError(
                    f"a text index is for plain files, this is {codec}; use RecordIndex.build",
                    path=file.path,
                )
            fingerprint = Fingerprint.of(file)
            bounds = read_text_index(text)
            if bounds[-1] != fingerprint.size:
                raise StaleIndexError(
                    f"the index ends at byte {bounds[-1]}, its file {file.path} has "
                    f"{fingerprint.size}; it is of another file, or stale",
                    path=name_of(text),
                )
            return cls(file.path, fingerprint, bounds)

    def save(self, sidecar: Path | None = None) -> str:
        """Write the sidecar, to ``PATH.index`` or as named, and return its name.

        It is replaced whole or not at all. What stands under that name and is no such index stays,
        and is a ``FileExistsError``.
        """
        name = self.sidecar if sidecar is None else name_of(sidecar)
        if is_file(name):
            with open_file(name) as file:
                if not MAGIC.startswith(file.read(len(MAGIC))):
                    raise FileExistsError(
                        f"{printable(name)}: not an index written here, so it is not replaced; "
                        "remove it, or save under another name"
                    )
        write_sidecar(name, self._fingerprint, places_to(self._places))
        return name

    def to_text(self, text: Path) -> None:
        """Write the index of a plain file as the text that DALI and others read.

        Raises ``ValueError`` for blocked gzip, whose records have no place in the file.
        """
        write_text_index(text, self.bounds)

    def check(self, file: PositionedFile) -> None:
        """Raise `StaleIndexError` if an open file is not, or no longer, the one indexed."""
        self._fingerprint.require(file, file.path)

    @property
    def sidecar(self) -> str:
        """Where `save` puts the index by default: ``PATH.index``."""
        return sidecar_of(self.path)

    @property
    def compression(self) -> Literal["GZIP"] | None:
        """The file's compression: None or "GZIP"."""
        return None if self.members is None else "GZIP"

    @property
    def members(self) -> Members | None:
        """The members of a blocked gzip file; None for a plain file."""
        return self._places if isinstance(self._places, Members) else None

    @property
    def frames(self) -> Bounds:
        """Where the frames of a plain file lie, to be looked up; `bounds` are all of them."""
        if isinstance(self._places, Members):
            raise ValueError(  # noqa: TRY004 - the index has the right type, its file the wrong form
                f"{printable(self.path)}: where the records of a GZIP file lie is seen when they "
                "are read; its index has `members`"
            )
        return self._places

    @property
    def raw_bytes(self) -> int:
        """How many bytes the frames of all records have, before compression."""
        if isinstance(self._places, Members):
            return int(self._places.raw_offsets[-1])
        return self._places.end

    @property
    def max_nbytes(self) -> int:
        """How much memory the index takes, or will take at most as it is used."""
        if isinstance(self._places, Members):
            return sum(bounds.nbytes for bounds in self._places)
        return self._places.max_nbytes

    @property
    def bounds(self) -> Int64Array:
        """Where each frame begins and the last one ends: int64 ``[records + 1]``."""
        return self.frames.whole()

    @property
    def offsets(self) -> Int64Array:
        """Where each record's frame begins: int64 ``[records]``; ValueError for blocked gzip."""
        return self.bounds[:-1]

    @property
    def lengths(self) -> Int64Array:
        """The bytes of each record's data: int64 ``[records]``; ValueError for blocked gzip."""
        lengths: Int64Array = np.diff(self.bounds)
        lengths -= FRAME_OVERHEAD
        return lengths

    def __len__(self) -> int:
        if isinstance(self._places, Members):
            return int(self._places.first_records[-1])
        return len(self._places)

    def __reduce__(self) -> tuple[Any, ...]:
        # As small as a sidecar: it may have to go to many processes.
        return _restored, (self.path, self._fingerprint, places_to(self._places))

    def __repr__(self) -> str:
        return f"<RecordIndex of {printable(self.path)}: {plural(len(self), 'record')}>"


def load_fitting(
    path: Path | PositionedFile,
    compression: CompressionOrAuto,
    *,
    max_kept_bytes: int | None = None,
) -> RecordIndex | None:
    """Return the index in a file's sidecar; None where there is none of this file.

    Nor is there where the sidecar is of another compression than is named: what that makes of the
    file is for whoever reads it to say, in the same words as without a sidecar.
    """
    with suppress(StaleIndexError, OSError):
        index = RecordIndex.load(path, max_kept_bytes=max_kept_bytes)
        if compression == "auto" or codec_named(compression) == index.compression:
            return index
    return None


def _no_progress(path: str, position: int) -> None:
    """Take the place of a caller's progress."""


def _restored(path: str, fingerprint: Fingerprint, columns: list[Any]) -> RecordIndex:
    places = places_from(columns, fingerprint.size)
    assert places is not None
    return RecordIndex(path, fingerprint, places)
