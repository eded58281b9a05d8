"""How each file of a set is read from its front: open ones from where they stood, pipes once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfrecord_lite.records.byte_source import position_of
from tfrecord_lite.records.file_system import can_be_reread
from tfrecord_lite.records.kept_source import KeptSource, read_before
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.storage import check_binary, name_of
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfrecord_lite._types import NameOrFile

__all__ = ["Fronts"]


class Fronts:
    """The fronts of files, of which some may be open and some pipes."""

    def __init__(self, files: Sequence[NameOrFile]) -> None:
        for file in files:
            if not isinstance(file, str):
                check_binary(file)
        self._files = files
        # Where open files stood; a pipe, which stands nowhere, is read once.
        self._origins = {id(file): position_of(file) for file in files if not isinstance(file, str)}
        self._read_once: set[int] = set()
        # Of pipes that were looked at.
        self._kept: dict[int, KeptSource] = {}

    def file(self, number: int) -> NameOrFile:
        """Return one of the files; an open one stands where it stood at first, if it seeks."""
        file = self._files[number]
        if not isinstance(file, str):
            origin = self._origins[id(file)]
            if origin is not None:
                file.seek(origin)
        return file

    def open(self, number: int, options: dict[str, Any], *, peek: bool = False) -> RecordReader:
        """Return a reader of one of the files; with ``peek`` it is as if nothing was read by it.

        Of what does not seek the bytes that ``peek`` reads are kept in memory.
        """
        file = self.file(number)
        key = number if isinstance(file, str) else id(file)
        if key in self._read_once:
            raise read_before(name_of(file))
        seeks = can_be_reread(file) if isinstance(file, str) else self._origins[key] is not None
        if seeks:
            return RecordReader(file, **options)
        source = self._kept.get(key)
        if source is not None:
            source.begin_again(keep=peek)
        elif peek:
            most = limits.kept_front_bytes + options["max_record_bytes"]
            source = self._kept[key] = KeptSource(file, most)
        reader = RecordReader(file, _source=source, **options)
        if not peek:
            self._kept.pop(key, None)
            self._read_once.add(key)
        return reader

    @property
    def kept_bytes(self) -> int:
        """How many bytes are kept of what does not seek."""
        return sum(source.kept_bytes for source in self._kept.values())

    def __getstate__(self) -> dict[str, Any]:
        if self._origins or self._kept:
            what = "open files" if self._origins else "a pipe of which something was read"
            raise TypeError(f"a RecordSet of {what} cannot be pickled; give it paths of files")
        return self.__dict__
