"""WebDataset's tar files: files of one name, with several suffixes, are one sample."""

from __future__ import annotations

import gzip
import io
import lzma
import re
import tarfile
import zlib
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.example.quote import quote
from tfrecord_lite.records.compression import GZIP_MAGIC
from tfrecord_lite.records.file_system import open_file

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from typing_extensions import Self

    from tfrecord_lite.jobs.copying import Progress
    from tfrecord_lite.records.frame_writer import FrameWriter

__all__ = ["read_webdataset"]

# What WebDataset itself takes for integers.
_INTEGERS: Final = ("cls", "cls2", "class", "count", "index", "inx", "id")
# Python takes 1_0 for 10. No int64 has more digits than these.
_INTEGER: Final = re.compile(rb"\s*[+-]?[0-9]{1,999}\s*")
# What WebDataset itself takes for notes about all samples, which are none of these.
_NOTES: Final = re.compile(r"__[^/]*__(?:/|$)")
_BAD: Final = (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)
_READ_BYTES: Final = 1 << 20


class _Header(tarfile.TarInfo):
    """A header, of which only a block of zeros ends the archive.

    ``tarfile`` takes the end of the file for it, and after the first member any block that is no
    header.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header; ReadError for what is none."""
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise
            reason = "it ends without the blocks of zeros that end an archive: it was cut"
            if len(buf) == tarfile.BLOCKSIZE:
                reason = f"no header ({error})"
            raise tarfile.ReadError(reason) from None


def read_webdataset(
    path: str, writer: FrameWriter, features: Mapping[str, Any] | None, progress: Progress
) -> None:
    """Write an Example for each sample: its files by their suffixes, and its ``__key__``.

    A sample is what follows one another with the same path up to the first dot of the name, as
    WebDataset has it; names such as ``__info__``, and what is in a directory of such a name, are
    none. Contents are bytes; those of `cls`, `index` and the like are integers.
    `TFRecordError` for what is no whole tar file, and for what is neither file nor directory in
    it, such as a link, names the file in it.
    """
    with closing(_members(path, progress)) as found:
        for key, members in groupby(found, itemgetter(0)):
            # A name that is no UTF-8 is the bytes that it has.
            sample: dict[str, Any] = {"__key__": key.encode(errors="surrogateescape")}
            for _, suffix, data in members:
                if suffix in sample:
                    what = "is there twice in one sample"
                    if suffix == "__key__":
                        what = "has the suffix of the feature that is the sample's name; rename it"
                    raise TFRecordError(f"{quote(f'{key}.{suffix}')} {what}", path=path)
                sample[suffix] = _integer(path, key, suffix, data) if suffix in _INTEGERS else data
            writer.write_example(sample, features)


def _members(path: str, progress: Progress) -> Generator[tuple[str, str, bytes], None, None]:
    last = "the beginning"
    with io.BufferedReader(open_file(path)) as file:
        # `tarfile` by itself does not look at gzip's checksum, nor at any member after the first.
        source: Any = gzip.GzipFile(fileobj=file) if file.peek(2).startswith(GZIP_MAGIC) else file
        try:
            with tarfile.open(fileobj=source, mode="r|*", tarinfo=_Header) as archive:
                for member in archive:
                    path_in = member.name.removeprefix("./")
                    folder, slash, name = path_in.rpartition("/")
                    if member.isdir() or name.startswith(".") or _NOTES.match(path_in):
                        continue
                    if not member.isfile():
                        what = (
                            f"a link to {quote(member.linkname)}" if member.linkname else "no file"
                        )
                        raise TFRecordError(
                            f"{quote(member.name)} is {what}, which is not read; pack the files "
                            "themselves (tar --dereference --hard-dereference)",
                            path=path,
                        )
                    base, _, suffix = name.partition(".")
                    if not suffix:
                        raise TFRecordError(
                            f"{quote(member.name)} has no suffix, which would be the name of its "
                            "feature",
                            path=path,
                        )
                    content = archive.extractfile(member)
                    assert content is not None
                    data = content.read()
                    if len(data) < member.size:
                        raise EOFError(f"{quote(member.name)} is cut")
                    last = quote(member.name)
                    # The archive keeps what it has read of all members otherwise.
                    archive.members.clear()  # type: ignore[attr-defined]
                    yield folder + slash + base, suffix.lower(), data
                    if progress is not None:
                        progress(path, file.tell())
                _check_end(path, archive.fileobj)
        except _BAD as error:
            raise TFRecordError(f"no whole tar file: after {last}: {error}", path=path) from None


def _check_end(path: str, rest: Any) -> None:
    """Read what follows the end of an archive; `TFRecordError` where that is more than zeros."""
    while data := rest.read(_READ_BYTES):
        if data.strip(b"\0"):
            raise TFRecordError(
                "there is more after the blocks of zeros that end the archive, such as another "
                "one, of which nothing would be read; cut it off, or pass archives as files of "
                "their own",
                path=path,
            )


def _integer(path: str, key: str, suffix: str, data: bytes) -> int:
    if not _INTEGER.fullmatch(data):
        raise TFRecordError(
            f"{quote(f'{key}.{suffix}')} is to be an integer, and has {quote(data[:20])}", path=path
        )
    return int(data)
