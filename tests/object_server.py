"""An HTTP server of objects, with the faults that servers and lines have, on loopback."""

from __future__ import annotations

import functools
import hashlib
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

_PIECE = 1 << 16


@dataclass
class ObjectServer:
    """What it has, what it does wrong, and what it was asked.

    ``delay`` is how many seconds go by before each answer, ``rate`` how many bytes a second a
    connection has. ``cut`` maps a number of a GET (from 0) to after how many bytes its connection
    is lost. ``fail`` is the status of the answers to come, ``failures`` how many of them; to GET
    alone, or with ``fails_at_all`` to all. ``missing`` is that of what it does not have, ``head``,
    if it is one, that of all that is asked by HEAD.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    delay: float = 0.0
    rate: float = 0.0
    cut: dict[int, int] = field(default_factory=dict)
    fail: int = 0
    failures: int = 0
    fails_at_all: bool = False
    missing: int = 404
    head: int = 0
    ignores_ranges: bool = False
    truncates: int = 0
    has_etags: bool = True
    redirect: str = ""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""

    def gets(self) -> list[str | None]:
        """Return the ranges that were asked for."""
        return [asked for method, _, asked in self.requests if method == "GET"]


@functools.lru_cache(maxsize=64)
def _etag_of(data: bytes) -> str:
    return f'"{hashlib.sha1(data).hexdigest()}"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        state = self.server.state
        asked = self.headers.get("Range")
        with self.server.lock:
            number = len(state.gets())
            state.requests.append((self.command, self.path, asked))
            meant = state.fails_at_all or self.command == "GET"
            fails = meant and state.fail and state.failures > 0
            state.failures -= bool(fails)
        time.sleep(state.delay)
        path = unquote(self.path.partition("?")[0])
        if fails:
            return self._send(state.fail, {}, b"")
        if self.command == "HEAD" and state.head:
            return self._send(state.head, {}, b"")
        if state.redirect:
            return self._send(302, {"Location": state.redirect}, b"")
        if path not in state.objects:
            return self._send(state.missing, {}, b"")
        data = state.objects[path]
        headers = {}
        if state.has_etags:
            headers["ETag"] = _etag_of(data)
            wanted = self.headers.get("If-Match")
            if wanted is not None and wanted != headers["ETag"]:
                return self._send(412, headers, b"")
        status = 200
        if asked and not state.ignores_ranges:
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or len(data)), len(data) - 1)
            if first >= len(data):
                return self._send(416, {"Content-Range": f"bytes */{len(data)}"}, b"")
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data, status = data[first : last + 1], 206
        self._send(status, headers, data, cut=state.cut.get(number))
        return None

    def _send(self, status, headers, data, cut=None):
        state = self.server.state
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.command == "GET" and cut is not None:
            data = data[:cut]
        began = time.perf_counter()
        for at in range(0, len(data), _PIECE):
            with suppress(OSError):
                self.wfile.write(memoryview(data)[at : at + _PIECE])
            if state.rate:
                behind = began + (at + _PIECE) / state.rate - time.perf_counter()
                time.sleep(max(behind, 0))
        if cut is not None and self.command == "GET":
            self.wfile.flush()
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, state: ObjectServer):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state
        self.lock = threading.Lock()

    def handle_error(self, request, client_address):
        """A client that goes is no fault of the server."""


@contextmanager
def serving():
    """Serve objects; yield the `ObjectServer`, whose ``url`` is ready."""
    state = ObjectServer()
    server = _Server(state)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
