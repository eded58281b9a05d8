"""What is asked of a store of objects; which library does it; and errors with the URL in them."""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

from tfrecord_lite.text import printable
from tfrecord_lite.urls import NO_USERS, scheme_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "NO_RANGES",
    "Entry",
    "ObjectState",
    "ReplacedError",
    "Store",
    "Upload",
    "errors_of",
    "is_bucket",
    "reason_of",
    "replaced",
    "store_of",
]

# By which library: "obstore" and "fsspec" are taken whatever the scheme is.
_CHOICE = "TFRECORD_LITE_STORE"
_OBSTORE_SCHEMES = {"s3", "s3a", "gs", "az", "abfs", "abfss", "http", "https"}
_NO_NAMES = {"", ".", ".."}
_CONTROL = re.compile("[\0-\x1f\x7f]")
NO_RANGES = (
    "the server does not know ranges, so it cannot be read in pieces; copy the file, and read the "
    "copy"
)
# A library's error may come with pages of what it is made of.
_MAX_REASON = 300
# What obstore calls it.
_NO_PERMISSION = {"PermissionDeniedError", "UnauthenticatedError"}
_FORBIDDEN = re.compile("status code: 40[13] ")
_GONE = re.compile("status code: 410 ")


class ObjectState(NamedTuple):
    """An object's size, and what changes when it is replaced (an ETag, a time); None: no such."""

    size: int
    version: str | None


class Entry(NamedTuple):
    """What a listing tells of a name in a folder."""

    name: str
    is_directory: bool
    size: int


class Upload(Protocol):
    """An object that is being written, and is there when it is complete."""

    def write(self, data: bytes | memoryview) -> None:
        """Take more bytes, all of them."""

    def complete(self) -> None:
        """Have the object be there, whole."""

    def abort(self) -> None:
        """Have nothing be there of it."""


class Store(Protocol):
    """Objects by their URLs. Whatever goes wrong is an ``OSError`` that names the URL.

    Threads may share one. Names are those of URLs: what lies "in" ``s3://bucket/a`` are the objects
    whose URLs begin with ``s3://bucket/a/``.
    """

    checks_each_read: bool
    """Whether `read` notices of itself that an object is no longer the one of a state."""
    streams: bool
    """Whether `read` yields what comes as it comes, and not before it is asked for."""

    def state(self, url: str) -> ObjectState:
        """Return the state of an object; ``FileNotFoundError`` where there is none."""

    def read(self, url: str, begin: int, end: int, state: ObjectState) -> Iterator[Any]:
        """Yield bytes ``begin`` to ``end`` (or fewer from the front of these) as buffers.

        `ReplacedError` where the object is no longer in this state, and that was noticed.
        """

    def is_directory(self, url: str) -> bool:
        """Tell whether there is anything in a folder of that name."""

    def list(self, url: str) -> list[Entry]:
        """Return what is in a folder, in no order; nothing where there is no such folder."""

    def upload(self, url: str) -> Upload:
        """Begin to write an object."""

    def put(self, url: str, data: bytes, *, new: bool = False) -> None:
        """Write a small object at once.

        ``new``: ``FileExistsError`` where there is one; that is sure where the store can do it.
        """

    def copy(self, source: str, target: str) -> None:
        """Make another object of the same bytes, without moving them through this machine."""

    def delete(self, urls: Sequence[str]) -> None:
        """Delete objects; that one is not there is no matter."""

    def remove_unfinished(self, url: str) -> None:
        """Remove what uploads of an object left that never came to an end.

        Where the URL ends in a slash or a dot, of all objects whose URLs begin so; and a folder in
        which nothing is, where that is more than what lies in it.
        """


class ReplacedError(OSError):
    """An object was replaced while it was read."""


_stores: dict[tuple[int, str, str, bool], Store] = {}


def is_bucket(url: str) -> bool:
    """Tell whether a name is a URL of a bucket, a container or a server, and of nothing in it.

    >>> is_bucket("s3://bucket"), is_bucket("s3://bucket/a"), is_bucket("s3")
    (True, False, False)
    """
    scheme, separator, rest = url.partition("://")
    return bool(separator) and scheme.lower() in _OBSTORE_SCHEMES and "/" not in rest


def store_of(url: str) -> Store:
    """Return the store that a URL is of.

    Raises ImportError where what it takes is not installed, and ``ValueError`` for a scheme that
    nobody knows.
    """
    scheme = scheme_of(url)
    place = url.partition("://")[2].partition("/")[0]
    # Neither library's connections go on in a forked child.
    by_fsspec = not _is_for_obstore(url, scheme, place)
    key = os.getpid(), scheme, place if "?" not in url else url, by_fsspec
    store = _stores.get(key)
    if store is None:
        store = _stores[key] = _open(url, by_fsspec=by_fsspec)
    return store


def _is_for_obstore(url: str, scheme: str, place: str) -> bool:
    """Tell whether obstore takes a URL as it is."""
    if scheme.startswith("http") and ("@" in place or "?" in url or "#" in url):
        # It drops these, or takes what is no part of the name for one.
        return False
    key = url.partition("://")[2].partition("/")[2].removesuffix("/")
    # It has no names for such.
    has_no_name = key and (_NO_NAMES.intersection(key.split("/")) or _CONTROL.search(key))
    return scheme in _OBSTORE_SCHEMES and not has_no_name


def _open(url: str, *, by_fsspec: bool) -> Store:
    choice = os.environ.get(_CHOICE, "")
    if choice not in ("", "fsspec", "obstore"):
        raise ValueError(f"{_CHOICE}={choice!r} in the environment; choose 'fsspec' or 'obstore'")
    if not by_fsspec and choice != "fsspec":
        try:
            from tfrecord_lite.stores.obstore_store import ObstoreStore, usable
        except ImportError:
            if choice == "obstore":
                raise ImportError(
                    f"{printable(url)}: {_CHOICE}=obstore: pip install 'tfrecord-lite-np[obstore]'"
                ) from None
        else:
            if usable():
                return ObstoreStore(url)
    from tfrecord_lite.stores.fsspec_store import FsspecStore

    return FsspecStore(url)


@contextmanager
def errors_of(url: str, begin: int | None = None) -> Iterator[None]:
    """Have what a library raises here be the system's error of that kind, with the URL in it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - of any library
        _raise_of_store(error, url, begin)


def _raise_of_store(error: Exception, url: str, begin: int | None) -> NoReturn:
    """Raise what a library raised as the system's error of that kind, with the URL in it.

    No secret of the URL is in it, and nothing of the library's own error.
    """
    said_of = _without_user(str(error), url)
    where = printable(url) if begin is None else f"{printable(url)}: at byte {begin}"
    name = type(error).__name__
    is_missing = "NoSuchBucket" in str(error) or _GONE.search(said_of)
    if isinstance(error, FileNotFoundError) or is_missing:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), shown(url)) from None
    if isinstance(error, IsADirectoryError):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), shown(url)) from None
    if isinstance(error, FileExistsError) or name == "AlreadyExistsError":
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), shown(url)) from None
    reason = _on_one_line(said_of) or name
    # Of a listing it is a `GenericError`.
    is_forbidden = name in _NO_PERMISSION or _FORBIDDEN.search(said_of)
    if isinstance(error, PermissionError) or is_forbidden:
        raise PermissionError(f"{where}: no permission: {reason}") from None
    if isinstance(error, ReplacedError) or name == "PreconditionError":
        raise replaced(url, begin or 0) from None
    for kind in (TimeoutError, ConnectionError):
        if isinstance(error, kind):
            raise kind(f"{where}: {name}: {reason}") from None
    if isinstance(error, NotImplementedError):
        raise OSError(f"{where}: the library for this store cannot do this with it") from None
    said = reason if type(error) is OSError else f"{name}: {reason}"
    raise OSError(f"{where}: {said}") from None


def reason_of(error: Exception) -> str:
    """Return what a library's error says, on one line and without secrets, or else its name.

    >>> reason_of(ValueError("no such host:   s3://me:secret@a"))
    'no such host: s3://a'
    """
    return _on_one_line(str(error)) or type(error).__name__


def _on_one_line(text: str) -> str:
    return shown(" ".join(text.partition("\n\n")[0].split()))[:_MAX_REASON]


def _without_user(text: str, url: str) -> str:
    """Return a text without the name and the password of a URL, that a library took for others."""
    user, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    if not user or (":" not in user and scheme_of(url) in NO_USERS):
        return text
    text = text.replace(user + at, "")
    if ":" in user:
        return text.replace(user, "...")
    # A name alone may be short: not where its letters are a part of another word.
    return re.sub(rf"(?<!\w){re.escape(user)}(?!\w)", "...", text)


def replaced(url: str, begin: int) -> ReplacedError:
    """Return the error about an object that is another than when it was opened."""
    return ReplacedError(
        f"{printable(url)}: at byte {begin}: the object was replaced while it was read; read it "
        "again from its front"
    )
