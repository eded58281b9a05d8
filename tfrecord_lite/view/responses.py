"""What the server answers: JSON, bytes, and errors as text."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from tfrecord_lite.text import json_text

__all__ = ["RefusedError", "Response", "json_response"]

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Response(NamedTuple):
    """A body with its media type; ``name`` is what a browser saves it as.

    ``place`` is where it lies in the whole, where it is a part.
    """

    body: bytes
    media: str
    status: HTTPStatus = HTTPStatus.OK
    name: str | None = None
    place: str | None = None

    @property
    def has_parts(self) -> bool:
        """Whether parts may be asked for: without them browsers cannot go to a place in sound."""
        return self.media.startswith("audio/")

    def part(self, asked: str) -> Response:
        """Return the part that a Range header asks for (RFC 9110), or all where it asks for none.

        >>> Response(b"abcdef", "audio/wav").part("bytes=-2")[::4]
        (b'ef', 'bytes 4-5/6')
        """
        found = _RANGE.fullmatch(asked.strip())
        if not self.has_parts or found is None or not any(found.groups()):
            return self
        size = len(self.body)
        first, last = (int(text) if text else None for text in found.groups())
        if first is None:
            begin, end = max(size - (last or 0), 0), size
        elif last is not None and last < first:
            return self
        else:
            begin, end = first, size if last is None else min(last + 1, size)
        if begin >= end:
            status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            return self._replace(body=b"", status=status, place=f"bytes */{size}")
        status, place = HTTPStatus.PARTIAL_CONTENT, f"bytes {begin}-{end - 1}/{size}"
        return self._replace(body=self.body[begin:end], status=status, place=place)


class RefusedError(Exception):
    """A request that cannot be answered, and why."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def json_response(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return JSON; NaN and infinities must not be in it."""
    return Response(json_text(value).encode(), "application/json", status)
