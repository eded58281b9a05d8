"""Objects by obstore: S3, Google's and Azure's stores, and HTTP."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import obstore
from obstore.exceptions import BaseError, InvalidPathError, NotSupportedError
from obstore.store import HTTPStore, from_url

from tfrecord_lite.stores.store import (
    NO_RANGES,
    Entry,
    ObjectState,
    Store,
    Upload,
    errors_of,
    reason_of,
    replaced,
)
from tfrecord_lite.text import printable
from tfrecord_lite.urls import scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


__all__ = ["RETRY", "ObstoreStore", "usable"]

# How obstore tries again, what a server or a connection failed at.
RETRY: dict[str, Any] = {
    "max_retries": 6,
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=5),
        "base": 2.0,
    },
    "retry_timeout": timedelta(minutes=3),
}
_PART_BYTES = 8 << 20
# Pieces of a MiB cost no less, and the allocator keeps twice as much for them.
_PIECE_BYTES = 1 << 19
# Some servers have no answer to it, or say that there is no such object.
_NO_HEAD = re.compile("status code: (405|501) ")
_process = os.getpid()


def usable() -> bool:
    """Tell whether obstore works in this process: in one that was forked it waits for ever."""
    return os.getpid() == _process


class ObstoreStore:
    """One bucket, container or server; see `Store`."""

    checks_each_read = True
    streams = True

    def __init__(self, url: str) -> None:
        scheme = scheme_of(url)
        self._is_http = scheme in ("http", "https")
        self._root = "{}://{}".format(scheme, url.partition("://")[2].partition("/")[0])
        options: dict[str, Any] = {"retry_config": RETRY}
        if scheme == "http":
            options["client_options"] = {"allow_http": True}
        try:
            # By itself it takes some servers of HTTP for buckets, in which keys have other names.
            store_from: Any = HTTPStore.from_url if self._is_http else from_url
            self._store: Any = store_from(self._root, **options)
        except Exception as error:  # noqa: BLE001 - of any kind
            raise ValueError(f"{printable(url)}: {reason_of(error)}") from None

    def _key(self, url: str) -> str:
        key = url.partition("://")[2].partition("/")[2]
        # Elsewhere a key is what it is; here it is encoded again.
        return unquote(key) if self._is_http else key

    def state(self, url: str) -> ObjectState:
        """See `Store`."""
        with errors_of(url):
            try:
                meta = obstore.head(self._store, self._key(url))
            except Exception as error:
                if not (self._is_http and _NO_HEAD.search(str(error))):
                    raise
                # Of this answer nobody takes the bytes.
                meta = obstore.get(self._store, self._key(url)).meta
            if not self._is_http and self._prefix(url) is None:
                # A bucket answers as if it were an object of no bytes.
                raise IsADirectoryError
            return _state_of(meta)

    def read(self, url: str, begin: int, end: int, state: ObjectState) -> Iterator[Any]:
        """See `Store`."""
        options: dict[str, Any] = {"range": (begin, end)}
        if state.version is not None and not state.version.startswith(("W/", "modified ")):
            options["if_match"] = state.version
        get: Any = obstore.get
        with errors_of(url, begin):
            try:
                found = get(self._store, self._key(url), options=options)
            except NotSupportedError:
                raise OSError(NO_RANGES) from None
            if _state_of(found.meta) != state:
                raise replaced(url, begin)
            pieces = iter(found.stream(min_chunk_size=_PIECE_BYTES))
        at = begin
        while (piece := _next_piece(pieces, url, at)) is not None:
            yield piece
            at += len(piece)

    def is_directory(self, url: str) -> bool:
        """See `Store`."""
        if self._is_http:
            return url.endswith("/")
        with errors_of(url):
            prefix = self._prefix(url)
            listing = obstore.list(self._store, prefix, chunk_size=1)
            try:
                # A bucket is there also with nothing in it.
                return any(True for _ in listing) or prefix is None
            except InvalidPathError:
                # There is one whose name it does not take.
                return True

    def _prefix(self, url: str) -> str | None:
        return self._key(url).rstrip("/") or None

    def list(self, url: str) -> list[Entry]:
        """See `Store`."""
        if self._is_http:
            # There is no listing, but pages with links.
            return self._by_fsspec(url).list(url)
        own = self._prefix(url)
        found: Any = {"common_prefixes": [], "objects": []}
        with errors_of(url), suppress(FileNotFoundError):
            try:
                found = obstore.list_with_delimiter(self._store, own)
            except InvalidPathError as error:
                # One name of `//` or `..`, and it lists none.
                try:
                    return self._by_fsspec(url).list(url)
                except ImportError:
                    raise error from None
        folders = [Entry(os.path.basename(key), True, 0) for key in found["common_prefixes"]]
        return folders + [
            Entry(os.path.basename(one["path"]), False, one["size"])
            for one in found["objects"]
            if one["path"] != own
        ]

    def upload(self, url: str) -> Upload:
        """See `Store`."""
        with errors_of(url):
            return _Multipart(self, self._store, self._key(url), url)

    def put(self, url: str, data: bytes, *, new: bool = False) -> None:
        """See `Store`."""
        with errors_of(url):
            mode: Any = "create" if new else "overwrite"
            obstore.put(self._store, self._key(url), data, mode=mode, use_multipart=False)

    def copy(self, source: str, target: str) -> None:
        """See `Store`."""
        with errors_of(source):
            obstore.copy(self._store, self._key(source), self._key(target))

    def delete(self, urls: Sequence[str]) -> None:
        """See `Store`."""
        if not urls:
            return
        with errors_of(urls[0]), suppress(FileNotFoundError):
            obstore.delete(self._store, [self._key(url) for url in urls])

    def remove_unfinished(self, url: str) -> None:
        """See `Store`; obstore does not list them, what fsspec has for S3 does."""
        if scheme_of(url) in ("s3", "s3a"):
            with suppress(ImportError):
                self._by_fsspec(url).remove_unfinished(url)

    def _by_fsspec(self, url: str) -> Store:
        from tfrecord_lite.stores.fsspec_store import FsspecStore

        return FsspecStore(url)


def _next_piece(pieces: Iterator[Any], url: str, at: int) -> Any:
    """Return what comes next of an answer that has begun; None at its end."""
    with errors_of(url, at):
        try:
            return next(pieces, None)
        except BaseError as error:
            # It went on at the byte where it was some times already, for some minutes. Of any
            # other kind is what the handler of a signal raises: nothing goes on then.
            raise ConnectionError(f"{type(error).__name__}: {error}") from None


def _state_of(meta: Any) -> ObjectState:
    version = meta["e_tag"]
    if version is None and (modified := meta["last_modified"]).timestamp() > 0:
        version = f"modified {modified.isoformat()}"
    return ObjectState(meta["size"], version)


class _Multipart:
    """An object that is there when its upload is complete."""

    def __init__(self, owner: ObstoreStore, store: Any, key: str, url: str) -> None:
        self._owner, self._url = owner, url
        self._file: Any = obstore.open_writer(
            store, key, buffer_size=_PART_BYTES, max_concurrency=4
        )

    def write(self, data: bytes | memoryview) -> None:
        with errors_of(self._url):
            self._file.write(bytes(data))

    def complete(self) -> None:
        with errors_of(self._url):
            self._file.close()

    def abort(self) -> None:
        # What is never completed is never seen; obstore has no call for saying so.
        self._file = None
        self._owner.remove_unfinished(self._url)
