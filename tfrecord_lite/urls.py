"""URLs: which names are some, and how they are shown without the secrets in them."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "NO_USERS",
    "absolute",
    "is_url",
    "local_path",
    "scheme_of",
    "shown",
    "split_name",
    "without_secrets",
]

# A scheme of one letter is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PLACES = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]+://)"  # a scheme,
    r"([^/\s@'\"]*@)?"  # who asks, and the password,
    r"([^\s'\"?]*)"  # where it is,
    r"(\?[^\s'\"=]*=[^\s'\"]*)?"  # and a query, which may be a signature; a glob has no `=`.
)
# Of these it is a container that stands where others have who asks.
NO_USERS = {"abfs", "abfss"}


def is_url(path: str) -> bool:
    """Tell whether a name is a URL, and no file of the system's that is called so.

    >>> is_url("memory://data/a.tfrecord"), is_url("C://a"), is_url("a.tfrecord")
    (True, False, False)
    """
    return _URL.match(path) is not None and not os.path.lexists(path)


def local_path(path: str) -> str:
    """Return the path that a file:// URL means; any other name as it is.

    >>> local_path("file:///a%20b"), local_path("file://localhost/c"), local_path("memory://a")
    ('/a b', '/c', 'memory://a')
    """
    if not path.lower().startswith("file://") or os.path.lexists(path):
        return path
    # It takes a tenth of the time that this package takes to be imported.
    from urllib.request import url2pathname

    place = path[len("file://") :]
    if place.lower().startswith("localhost/"):  # RFC 8089: this machine
        place = place[len("localhost") :]
    return url2pathname(place)


def absolute(path: str) -> str:
    """Return a name that stays the same when the process goes to another directory."""
    path = local_path(path)
    return path if is_url(path) else os.path.join(os.getcwd(), path)


def split_name(path: str) -> tuple[str, str]:
    """Return the folder that a name is in, and its last part, as ``os.path.split``.

    The folder of a URL without any is the root of its store, whose slashes belong to it.

    >>> split_name("data/a.tfrecord"), split_name("memory://a.tfrecord")
    (('data', 'a.tfrecord'), ('memory://', 'a.tfrecord'))
    """
    folder, name = os.path.split(path)
    return (f"{folder}//" if folder.endswith(":") and is_url(path) else folder), name


def scheme_of(url: str) -> str:
    """Return the scheme of a URL, in small letters.

    >>> scheme_of("S3://bucket/a")
    's3'
    """
    return url.partition("://")[0].lower()


def shown(text: str) -> str:
    """Return a text without the names, passwords and queries in its URLs.

    >>> shown("https://me:secret@host/a.tfrecord?Signature=1f3c: no such object")
    'https://host/a.tfrecord?... no such object'
    >>> shown("no URL, and gs://bucket/a-?????-of-*")
    'no URL, and gs://bucket/a-?????-of-*'
    """
    return _PLACES.sub(_shown, text) if "://" in text else text


def _shown(found: re.Match[str]) -> str:
    scheme, user, place, query = found.groups()
    kept = user if user and ":" not in user and scheme_of(scheme) in NO_USERS else ""
    return scheme + kept + place + ("?..." if query else "")


@contextmanager
def without_secrets() -> Iterator[None]:
    """Have errors of the system, and about what was passed, show URLs as `shown` does.

    What of their messages does not print, being of a name, is escaped.
    """
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        error.args = tuple(
            _escaped(shown(part)) if isinstance(part, str) else part for part in error.args
        )
        if isinstance(error, OSError) and isinstance(error.filename, str):
            error.filename = shown(error.filename)
        raise


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
