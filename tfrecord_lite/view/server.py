"""The server: HTTP on this machine alone, for whoever knows the address with its token.

Other machines cannot reach it. Other pages in the same browser do not know the token; those that
have a name of theirs lead to 127.0.0.1 (DNS rebinding) come with another Host. What it answers is
never taken for a script or a page but for the page itself, which asks no other host for anything.
"""

from __future__ import annotations

import errno
import hmac
import json
import os
import re
import secrets
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.fingerprint import StaleIndexError
from tfrecord_lite.records.closing import Closing
from tfrecord_lite.text import unicode_text
from tfrecord_lite.view.api import Api
from tfrecord_lite.view.responses import RefusedError, Response, json_response

if TYPE_CHECKING:
    from tfrecord_lite.files.record_set import RecordSet

__all__ = ["Viewer"]

_HOST: Final = "127.0.0.1"
_MOST_BODY: Final = 1 << 16
_SIZE: Final = re.compile("[0-9]{1,9}")
_MOST_FIELDS: Final = 20
_MEDIA: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Viewer(Closing):
    """A page that shows the records of files, served to browsers on this machine.

    ``port`` 0 is one that is free. It answers from `serve` on, until `close` is called by another
    thread. ``OSError`` where the port is taken.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": [3, 5, 3]})
    >>> with Viewer(tfr.RecordSet(path)) as viewer:
    ...     print(viewer.url.split(":")[1])
    //127.0.0.1
    """

    def __init__(self, records: RecordSet, *, title: str = "", port: int = 0) -> None:
        try:
            self._server = _Server((_HOST, port), _Handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise OSError(
                    errno.EADDRINUSE,
                    f"port {port} is in use; choose another one, or none: then a free one is taken",
                ) from None
            raise
        except OverflowError:
            raise ValueError(f"port {port}: ports are 0 to 65535") from None
        try:
            self._server.api = Api(records, title or ", ".join(records.names[:3]))
        except BaseException:
            self._server.server_close()
            raise
        self._serving = False

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The address of the page, with the token."""
        return f"http://{_HOST}:{self.port}/{self._server.token}/"

    def serve(self) -> None:
        """Answer requests until `close`."""
        self._serving = True
        self._server.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        """Answer no more, and close all files."""
        if self._serving:
            self._server.shutdown()
        self._server.server_close()
        self._server.api.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # On Windows another program could take the same port.
    allow_reuse_address = os.name != "nt"
    api: Api

    def __init__(self, *args: Any) -> None:
        self.token = secrets.token_urlsafe(24)
        self.page = {
            found.name: found.read_bytes()
            for found in files("tfrecord_lite.view").joinpath("page").iterdir()
            if found.name.rpartition(".")[2] in _MEDIA
        }
        super().__init__(*args)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that go away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A connection on which nothing comes is closed.
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        """Answer with the page, or with what it asks for."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Begin something."""
        self._answer(self._post)

    def _answer(self, method: Any) -> None:
        try:
            response: Response = method(self._allowed_path())
        except RefusedError as refusal:
            response = json_response({"error": unicode_text(str(refusal))}, refusal.status)
        except StaleIndexError:
            reason = "the file has changed; what is shown is looked at again"
            response = json_response({"error": reason}, HTTPStatus.CONFLICT)
        except (OSError, TFRecordError, ValueError, MemoryError) as error:
            reason = unicode_text(str(error) or type(error).__name__)[:1000]
            response = json_response({"error": reason}, HTTPStatus.INTERNAL_SERVER_ERROR)
        self._send(response)

    def _allowed_path(self) -> str:
        """Return the part of the path that follows the token."""
        port = self.server.server_address[1]
        if self.headers.get("Host") not in (f"{_HOST}:{port}", f"localhost:{port}"):
            self._refuse(HTTPStatus.FORBIDDEN, f"this is http://{_HOST}:{port}/ and nothing else")
        origin = self.headers.get("Origin")
        if origin not in (None, f"http://{_HOST}:{port}", f"http://localhost:{port}"):
            self._refuse(HTTPStatus.FORBIDDEN, "another page has nothing to ask for here")
        _, token, path = (*self.path.split("/", 2), "", "")[:3]
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            reason = "open the whole address that tfrecord-lite view has printed"
            self._refuse(HTTPStatus.FORBIDDEN, reason)
        return path

    def _refuse(self, status: HTTPStatus, reason: str) -> NoReturn:
        """Refuse the request, and let nothing more come by this connection."""
        self.close_connection = True
        raise RefusedError(status, reason)

    def _get(self, path: str) -> Response:
        try:
            parts = urlsplit(path)
            fields = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"this is no query: {error}") from None
        name = parts.path or "index.html"
        if name in self.server.page:
            media = _MEDIA[name.rpartition(".")[2]]
            return Response(self.server.page[name], f"{media}; charset=utf-8")
        method = self.server.api.get.get(name)
        if method is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "there is no such page")
        response = method(dict(fields))
        return response.part(self.headers.get("Range", ""))

    def _post(self, path: str) -> Response:
        method = self.server.api.post.get(path)
        size = self.headers.get("Content-Length", "")
        if method is None or not _SIZE.fullmatch(size) or int(size) > _MOST_BODY:
            self._refuse(HTTPStatus.BAD_REQUEST, "there is nothing of that name to be begun")
        try:
            asked = json.loads(self.rfile.read(int(size)) or b"{}")
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "a JSON object is expected")
        return method(asked)

    def _send(self, response: Response) -> None:
        saved = None if response.name is None else f'attachment; filename="{response.name}"'
        headers = {
            **_HEADERS,
            "Content-Type": response.media,
            "Content-Length": str(len(response.body)),
            "Content-Disposition": saved,
            "Accept-Ranges": "bytes" if response.has_parts else None,
            "Content-Range": response.place,
            "Connection": "close" if self.close_connection else None,
        }
        # A browser may go away at any moment.
        with suppress(ConnectionError, TimeoutError):
            self.send_response(response.status)
            for name, value in headers.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request, too, with nothing that a browser takes for a page."""
        self.close_connection = True
        reason = message or explain or HTTPStatus(code).phrase
        self._send(json_response({"error": unicode_text(reason)}, HTTPStatus(code)))

    def version_string(self) -> str:
        """Tell nothing of versions."""
        return "tfrecord-lite"

    def log_message(self, *_: object) -> None:
        """Print nothing: the address holds the token."""
