"""Who is answered, with what, and what a browser may do with it."""

from __future__ import annotations

import errno
import socket
import time
from pathlib import Path

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.view import Viewer

PAGE = Path(tfr.__file__).parent / "view" / "page"


@pytest.fixture
def client(tmp_path, view):
    tfr.write_examples(tmp_path / "a", {"label": [3, 5, 3]})
    return view(tmp_path / "a")


def test_only_this_machine_is_listened_to(client):
    with socket.socket() as other:
        other.settimeout(5)
        # 127.0.0.2 is this machine as well, but not where it listens.
        assert other.connect_ex(("127.0.0.2", client.viewer.port)) != 0
    assert client.viewer.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("path", ["/", "/state", "/wrong/state", "//state", "/{}x/state"])
def test_without_the_token_nothing_is_told(client, path):
    answer = client.ask(path.format(client.root.strip("/")))
    assert answer.status == 403
    assert b"label" not in answer.body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{}", "127.0.0.1:1", ""])
def test_another_host_is_refused(client, host):
    """A page whose name leads here (DNS rebinding) sends its name."""
    headers = {"Host": host.format(client.viewer.port)}
    assert client.ask(client.root + "state", headers=headers).status == 403


def test_another_page_is_refused(client):
    headers = {"Origin": "http://evil.example"}
    assert client.ask(client.root + "state", headers=headers).status == 403
    body = client.ask(client.root + "check", method="POST", body="{}", headers=headers)
    assert body.status == 403


def test_localhost_is_this_machine(client):
    headers = {"Host": f"localhost:{client.viewer.port}"}
    assert client.ask(client.root, headers=headers).status == 200


@pytest.mark.parametrize("name", ["", *sorted(path.name for path in PAGE.iterdir())])
def test_each_answer_forbids_what_the_page_does_not_need(client, name):
    answer = client.raw(name)
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_page_names_no_other_host_and_parses_no_markup():
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert word not in text, path
        if path.suffix == ".html":
            assert text.count("<script") == 1
            assert "style=" not in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nothing", 404),
        ("../server.py", 404),
        ("records?first=-1", 400),
        ("records?first=1e9", 400),
        ("records?first=" + "9" * 30, 400),
        ("record", 400),
        ("record?number=3", 404),
        ("record?number=99999999", 404),
        ("value?number=0&part=features&at=7", 404),
        ("value?number=0&part=features&at=0", 400),
        ("picture?number=0&part=features&at=0&shape=2x2", 422),
        ("picture?number=0&part=features&at=0&shape=x", 422),
        ("job?id=5", 404),
        ("records?query=5", 404),
        ("state?" + "a=1&" * 50, 400),
        ("//[?a=1", 400),
    ],
)
def test_what_cannot_be_answered_is_an_error_that_says_why(client, path, status):
    client.whole()
    answer = client.ask(client.root + path)
    assert answer.status == status
    assert answer.json()["error"]
    # And the server lives.
    assert client.get("state")["records"] == 3


@pytest.mark.parametrize("body", ["", "[]", "{", "7", "[" * 50_000])
def test_what_is_posted_is_a_json_object(client, body):
    answer = client.ask(client.root + "query", method="POST", body=body)
    assert answer.status == (200 if body == "" else 400)


def test_too_much_is_not_read(client):
    for size in ("100000000", "9" * 5000, "\xb2", "-1", ""):
        headers = {"Content-Length": size}
        answer = client.ask(client.root + "query", method="POST", body="{}", headers=headers)
        assert answer.status == 400, size


@pytest.mark.parametrize(
    ("asked", "status", "place", "body"),
    [
        ("bytes=0-3", 206, "bytes 0-3/44", b"RIFF"),
        ("bytes=40-", 206, "bytes 40-43/44", b"\x08\x00\x00\x00"),
        ("bytes=40-1000", 206, "bytes 40-43/44", b"\x08\x00\x00\x00"),
        ("bytes=-2", 206, "bytes 42-43/44", b"\x00\x00"),
        ("bytes=-100", 206, "bytes 0-43/44", None),
        ("bytes=44-", 416, "bytes */44", b""),
        ("bytes=-0", 416, "bytes */44", b""),
        ("bytes=5-4", 200, None, None),
        ("bytes=-", 200, None, None),
        ("bytes=0-1,3-4", 200, None, None),
        ("items=0-1", 200, None, None),
    ],
)
def test_parts_of_sound(tmp_path, view, asked, status, place, body):
    """Without them browsers cannot go to a place in it."""
    wav = b"RIFF\x2c\x00\x00\x00WAVEfmt " + bytes(24) + b"\x08\x00\x00\x00"
    tfr.write_examples(tmp_path / "a", {"sound": [wav], "raw": [b"\xff" * 44]})
    client = view(tmp_path / "a")
    at = {name: number for number, name in enumerate(["raw", "sound"])}
    for name in at:
        path = f"{client.root}value?number=0&part=features&at={at[name]}"
        answer = client.ask(path, headers={"Range": asked})
        if name == "raw":
            assert (answer.status, len(answer.body)) == (200, 44)
            continue
        assert answer.status == status
        assert answer.headers.get("Content-Range") == place
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.body == (wav if body is None else body)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_are_refused(client, method):
    answer = client.ask(client.root + "state", method=method)
    assert answer.status == 501
    assert answer.headers["Content-Type"] == "application/json"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_browser_that_goes_away_does_no_harm(client):
    for sent in (b"", b"GET", f"GET {client.root}state HTTP/1.1\r\n".encode(), b"\x16\x03\x01\xff"):
        with socket.create_connection(("127.0.0.1", client.viewer.port)) as other:
            other.sendall(sent)
    request = f"GET {client.root}records HTTP/1.1\r\nHost: 127.0.0.1:{client.viewer.port}\r\n\r\n"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", client.viewer.port)) as other:
            other.sendall(request.encode())
    assert client.get("state")["records"] == 3


def test_a_port_in_use_is_named(tmp_path):
    tfr.write_examples(tmp_path / "a", {"label": [3]})
    records = tfr.RecordSet(tmp_path / "a")
    with Viewer(records) as viewer, pytest.raises(OSError, match="in use; choose") as found:
        Viewer(records, port=viewer.port)
    assert found.value.errno == errno.EADDRINUSE
    with pytest.raises(ValueError, match="65535"):
        Viewer(records, port=70_000)


def test_closing_ends_all_threads(tmp_path):
    import threading

    tfr.write_examples(tmp_path / "a", {"label": [3]})
    before = threading.active_count()
    viewer = Viewer(tfr.RecordSet(tmp_path / "a"))
    viewer.close()
    end = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() == before
