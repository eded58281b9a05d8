"""What the server answers: JSON, bytes, and errors as text."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NamedTuple

from tfrecord_lite.text import json_text

__all__ = ["RefusedError", "Response", "json_response"]


class Response(NamedTuple):
    """A body with its media type; ``name`` is what a browser saves it as."""

    body: bytes
    media: str
    status: HTTPStatus = HTTPStatus.OK
    name: str | None = None


class RefusedError(Exception):
    """A request that cannot be answered, and why."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def json_response(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return JSON; NaN and infinities must not be in it."""
    return Response(json_text(value).encode(), "application/json", status)
