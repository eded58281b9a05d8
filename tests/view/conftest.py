"""A viewer of files, served in this process, and requests to it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.view import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks a viewer as a browser does."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.root = "/" + viewer.url.split("/")[3] + "/"

    def ask(
        self, path: str, *, method: str = "GET", body: Any = None, headers: Any = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.viewer.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def raw(self, name: str, **asked: Any) -> Answer:
        return self.ask(self.root + name + ("?" + urlencode(asked) if asked else ""))

    def get(self, name: str, **asked: Any) -> Any:
        answer = self.raw(name, **asked)
        assert answer.status == 200, answer
        return answer.json()

    def post(self, name: str, **value: Any) -> Answer:
        return self.ask(self.root + name, method="POST", body=json.dumps(value))

    def until(self, name: str, there: Callable[[Any], bool], **asked: Any) -> Any:
        """Ask again until something is so."""
        end = time.monotonic() + 60
        while not there(found := self.get(name, **asked)):
            assert time.monotonic() < end, found
            time.sleep(0.02)
        return found

    def whole(self) -> Any:
        """Return the state once all files have been read through."""
        return self.until("state", lambda found: found["complete"] and found["checked"])

    def done(self, job: int) -> Any:
        return self.until("job", lambda found: found["done"], id=job)

    def entries(self, first: int = 0, count: int = 24, **asked: Any) -> list[Any]:
        """Return a page, which on a busy machine comes in parts."""
        entries: list[Any] = []
        while len(entries) < count:
            asked |= {"first": first + len(entries), "count": count - len(entries)}
            page = self.get("records", **asked)
            entries += page["entries"]
            if page["complete"] and first + len(entries) >= page["records"]:
                break
        return entries

    def numbers(self, **asked: Any) -> list[int]:
        return [entry["number"] for entry in self.entries(**asked)]


@pytest.fixture
def view():
    """Return a function that serves paths and returns a `Client`."""
    served: list[tuple[Viewer, threading.Thread]] = []

    def start(paths: Any) -> Client:
        viewer = Viewer(tfr.RecordSet(paths))
        thread = threading.Thread(target=viewer.serve)
        thread.start()
        served.append((viewer, thread))
        return Client(viewer)

    yield start
    for viewer, thread in served:
        viewer.close()
        thread.join()
