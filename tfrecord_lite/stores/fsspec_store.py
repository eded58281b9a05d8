"""Objects by fsspec: whatever it, and the packages for it, know."""

from __future__ import annotations

import inspect
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tfrecord_lite.stores.store import (
    NO_RANGES,
    Entry,
    ObjectState,
    ReplacedError,
    Upload,
    errors_of,
    replaced,
)
from tfrecord_lite.text import printable
from tfrecord_lite.urls import scheme_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


__all__ = ["FsspecStore"]

_HTTP = {"http", "https"}
# Here an object is there when its upload is complete, and not before.
_ATOMIC = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci"}
# What tells one state of an object from another, as the file systems call it.
_VERSIONS = (
    "ETag", "etag", "e_tag", "generation", "content_md5", "md5Hash", "Last-Modified",
    "LastModified", "last_modified", "updated", "mtime", "created",
)  # fmt: skip
# Of a connection that was lost, in the words of aiohttp and http.client.
_LOST = {
    *("ClientPayloadError", "ServerDisconnectedError", "ClientOSError", "IncompleteRead"),
    "ClientConnectorError",
}
# What a server of HTTP answers: no such object, not for you, another state than was asked for, and
# what may be another answer the next time.
_ANSWERS: dict[object, type[OSError]] = {
    **dict.fromkeys((404, 410), FileNotFoundError),
    **dict.fromkeys((401, 403, 405), PermissionError),
    412: ReplacedError,
    **dict.fromkeys((408, 429, 500, 502, 503, 504), ConnectionError),
}
_WAITS = (0.1, 0.2, 0.4)
# What file systems take that are no places themselves: archives, caches, folders of others.
_INSIDE = {"fo", "fs", "target_protocol"}
_PART_BYTES = 8 << 20


class FsspecStore:
    """The file system of fsspec for a URL; see `Store`."""

    checks_each_read = False
    streams = False

    def __init__(self, url: str) -> None:
        try:
            import fsspec
        except ImportError:
            raise ImportError(
                f"{printable(url)}: URLs are read by fsspec: pip install 'tfrecord-lite-np[remote]'"
            ) from None
        try:
            kind = fsspec.get_filesystem_class(scheme_of(url))
            if "::" in url:
                _refuse_chain(kind)
            # `url_to_fs` would take what comes after a `::` for another file system.
            asked = kind._get_kwargs_from_urls(_with_small_scheme(url))  # noqa: SLF001 - of the API
            self._system: Any = kind(**asked)
        except ValueError as error:
            raise ValueError(f"{printable(url)}: {shown(str(error))}") from None
        except (LookupError, TypeError) as error:
            # Some file systems want more than the URL says, such as a host.
            reason = f"fsspec cannot use this URL: {type(error).__name__}: {shown(str(error))}"
            raise ValueError(f"{printable(url)}: {reason}") from None
        except OSError as error:
            # Some connect as soon as they are made.
            with errors_of(url):
                raise error from None
        protocol = self._system.protocol
        self._protocols = {protocol} if isinstance(protocol, str) else set(protocol)
        self._is_http = bool(self._protocols & _HTTP)

    def _path(self, url: str) -> str:
        url = _with_small_scheme(url)
        return str(self._system._strip_protocol(url))  # noqa: SLF001 - its name is part of the API

    def state(self, url: str) -> ObjectState:
        """See `Store`."""
        with errors_of(url):
            info: dict[str, Any] = self._asked(self._system.info, self._path(url))
            if info.get("type") == "directory":
                raise IsADirectoryError
        size = info.get("size")
        if size is None:
            raise OSError(f"{printable(url)}: the server does not tell how large it is")
        version = next((info[key] for key in _VERSIONS if info.get(key) is not None), None)
        return ObjectState(int(size), None if version is None else str(version))

    def _asked(self, ask: Callable[..., Any], path: str, **options: Any) -> Any:
        """Ask a few times, as long as it is the connection or a server of HTTP that fails."""
        self._system.invalidate_cache(path)
        waits = iter(_WAITS if self._is_http else ())
        while True:
            try:
                with _answers(is_http=self._is_http):
                    return ask(path, **options)
            except ConnectionError:
                if (wait := next(waits, None)) is None:
                    raise
                time.sleep(wait)

    def read(self, url: str, begin: int, end: int, state: ObjectState) -> Iterator[Any]:
        """See `Store`."""
        path = self._path(url)
        with errors_of(url, begin):
            data = self._range(path, begin, end, state)
        if len(data) < end - begin and self.state(url) != state:
            raise replaced(url, begin)
        yield data

    def _range(self, path: str, begin: int, end: int, state: ObjectState) -> Any:
        with _answers(is_http=self._is_http):
            if not self._is_http:
                return self._system.cat_file(path, start=begin, end=end)
            # This looks at what the server made of the range before it takes the bytes.
            with self._system.open(
                path, size=state.size, cache_type="none", headers=_only_if(state)
            ) as file:
                file.seek(begin)
                try:
                    return file.read(end - begin)
                except ValueError:
                    raise OSError(NO_RANGES) from None

    def is_directory(self, url: str) -> bool:
        """See `Store`."""
        if self._is_http:
            # It would read the whole object for links.
            return url.endswith("/")
        path = self._path(url)
        with errors_of(url):
            self._system.invalidate_cache(path)
            return bool(self._system.isdir(path))

    def list(self, url: str) -> list[Entry]:
        """See `Store`."""
        path = self._path(url)
        found: list[Any] = []
        with errors_of(url), suppress(FileNotFoundError, NotADirectoryError):
            found = self._asked(self._system.ls, path, detail=True)
        own = path.rstrip("/")
        return [
            Entry(
                os.path.basename(one["name"].rstrip("/")),
                one["type"] == "directory",
                int(one.get("size") or 0),
            )
            for one in found
            # Some tell the folder itself, as an object of no bytes.
            if one["name"].rstrip("/") != own
        ]

    def upload(self, url: str) -> Upload:
        """See `Store`."""
        with errors_of(url):
            kind = _Multipart if self._protocols & _ATOMIC else _Staged
            return kind(self._system, self._path(url), url)

    def put(self, url: str, data: bytes, *, new: bool = False) -> None:
        """See `Store`."""
        path = self._path(url)
        with errors_of(url):
            self._system.invalidate_cache(path)
            if new and self._system.exists(path):
                raise FileExistsError
            if not self._protocols & _ATOMIC:
                staged = _Staged(self._system, path, url)
                staged.write(data)
                staged.complete()
                return
            if new:
                # Of a store that cannot it was looked at before.
                with suppress(NotImplementedError, TypeError):
                    self._system.pipe_file(path, data, mode="create")
                    return
            self._system.pipe_file(path, data)

    def copy(self, source: str, target: str) -> None:
        """See `Store`."""
        with errors_of(source):
            self._system.cp_file(self._path(source), self._path(target))

    def delete(self, urls: Sequence[str]) -> None:
        """See `Store`."""
        for url in urls:
            with errors_of(url), suppress(FileNotFoundError):
                self._system.rm_file(self._path(url))

    def remove_unfinished(self, url: str) -> None:
        """See `Store`."""
        if not self._protocols & _ATOMIC and url.endswith("/"):
            with suppress(Exception):
                self._system.rmdir(self._path(url))
        if not hasattr(self._system, "list_multipart_uploads"):
            # Google and Azure forget them of themselves, within a week.
            return
        bucket, _, key = self._path(url).partition("/")
        key += "/" if url.endswith("/") and not key.endswith("/") else ""
        with suppress(Exception):
            for upload in self._system.list_multipart_uploads(bucket):
                begins = key.endswith(("/", ".")) and upload["Key"].startswith(key)
                if begins or upload["Key"] == key:
                    self._system.abort_mpu(bucket, upload["Key"], upload["UploadId"])


def _refuse_chain(kind: Any) -> None:
    """Raise ``ValueError`` where `::` tells in what the files of a file system lie.

    Elsewhere it is a part of a name.
    """
    if not _INSIDE.isdisjoint(inspect.signature(kind.__init__).parameters):
        raise ValueError(
            "a file inside another, or by way of another file system, has no name here; pass it "
            "open: fsspec.open(URL).open()"
        )


def _with_small_scheme(url: str) -> str:
    """Return a URL as fsspec knows it, whose schemes have small letters alone."""
    scheme = scheme_of(url)
    return scheme + url[len(scheme) :]


@contextmanager
def _answers(*, is_http: bool) -> Iterator[None]:
    """Have what a server of HTTP answered, or that it did not, be the system's error of its kind.

    Of other stores the libraries have done so.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - of any library
        cause = error.__cause__ if is_http and isinstance(error, FileNotFoundError) else None
        # fsspec says that of every answer to its first question, and of none.
        raise _of_its_kind(cause or error) from None


def _of_its_kind(error: BaseException) -> BaseException:
    kind = _ANSWERS.get(getattr(error, "status", None))
    if kind is None and type(error).__name__ in _LOST:
        kind = ConnectionError
    return error if kind is None else kind(str(error))


def _only_if(state: ObjectState) -> dict[str, str]:
    """Return the headers that ask for an object in this state alone."""
    is_strong = state.version is not None and state.version.startswith('"')
    return {"If-Match": state.version or ""} if is_strong else {}


class _Multipart:
    """An object of a store in which it is there when its upload is complete."""

    def __init__(self, system: Any, path: str, url: str) -> None:
        self._url = url
        self._file = system.open(path, "wb", block_size=_PART_BYTES, autocommit=False)

    def write(self, data: bytes | memoryview) -> None:
        with errors_of(self._url):
            self._file.write(data)

    def complete(self) -> None:
        with errors_of(self._url):
            self._file.close()
            self._file.commit()

    def abort(self) -> None:
        with suppress(Exception):
            self._file.discard()
        # Else it would be completed when nobody uses it any more.
        self._file.closed = True


def _rename(system: Any, old: str, new: str) -> None:
    from fsspec.spec import AbstractFileSystem

    if type(system).mv is not AbstractFileSystem.mv:
        system.mv(old, new)
        return
    # That one takes names for patterns.
    system.cp_file(old, new)
    system.rm_file(old)


class _Staged(_Multipart):
    """A file where one that is written can be seen: it takes its name when it is complete."""

    def __init__(self, system: Any, path: str, url: str) -> None:
        self._system, self._path, self._url = system, path, url
        folder, name = os.path.split(path)
        self._partial = f"{folder}/.{name}.{os.urandom(4).hex()}.tfrecord-partial"
        with suppress(Exception):
            system.makedirs(folder, exist_ok=True)
        self._file = system.open(self._partial, "wb")

    def complete(self) -> None:
        with errors_of(self._url):
            self._file.close()
            _rename(self._system, self._partial, self._path)

    def abort(self) -> None:
        with suppress(Exception):
            self._file.close()
        with suppress(Exception):
            self._system.rm_file(self._partial)
