"""``tfrecord-lite view``: the address, the browser, and what cannot be shown."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
import webbrowser

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.cli.inputs import rereadable
from tfrecord_lite.view import Viewer


@pytest.fixture
def opened(monkeypatch):
    """Return the addresses that a browser was opened with; each is read, and the server closed."""
    urls = []
    served = []
    real = Viewer.serve

    def serve(viewer):
        def ask():
            with urllib.request.urlopen(viewer.url, timeout=30) as page:
                served.append(page.read())
            viewer._server.shutdown()

        thread = threading.Thread(target=ask)
        thread.start()
        real(viewer)
        thread.join()

    monkeypatch.setattr(Viewer, "serve", serve)
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(urls.append(url)) or True)
    yield urls
    assert all(b"TFRecord viewer" in page for page in served)


@pytest.fixture
def path(tmp_path):
    tfr.write_examples(tmp_path / "a.tfrecord", {"label": [1]})
    return tmp_path / "a.tfrecord"


def test_the_browser_is_opened_at_the_address_that_is_printed(command, opened, path):
    done = command("view", path)
    assert (done.code, done.err) == (0, "")
    assert opened == [done.out.splitlines()[0]]


def test_or_not(command, opened, path):
    done = command("view", "--no-browser", path, path.parent)
    assert (done.code, done.err, opened) == (0, "", [])
    assert done.out.startswith("http://127.0.0.1:")


def test_without_a_browser_the_address_is_enough(command, opened, path, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    done = command("view", path)
    assert done.code == 0
    assert "no browser" in done.err


def test_a_port_in_use(command, opened, path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = command("view", "--port", port, path)
    assert done.code == 2
    assert f"port {port} is in use" in done.err
    assert done.out == ""


@pytest.mark.parametrize("names", [["missing"], ["missing", "nothing-*"]])
def test_what_cannot_be_shown(command, opened, tmp_path, monkeypatch, names):
    monkeypatch.chdir(tmp_path)
    done = command("view", *names)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("tfrecord-lite: ")
    # Each is told once.
    assert len(done.err.splitlines()) == len(names)


def test_one_that_is_missing_does_not_stop_the_others(command, opened, path):
    done = command("view", path, path.parent / "missing")
    assert done.code == 0
    assert "missing" in done.err


# What runs in the background may have SIGHUP ignored, and so have those that it starts.
_COMMAND = """
import runpy, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
runpy.run_module("tfrecord_lite", run_name="__main__")
"""


@pytest.mark.skipif(os.name == "nt", reason="other signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_no_copy_of_standard_input_is_left_by_a_signal_that_ends_it(path, tmp_path, name):
    (tmp_path / "copies").mkdir()
    with (
        path.open("rb") as data,
        subprocess.Popen(
            [sys.executable, "-c", _COMMAND, "view", "--no-browser", "-"],
            stdin=data,
            stdout=subprocess.PIPE,
            env=os.environ | {"TMPDIR": str(tmp_path / "copies")},
        ) as viewer,
    ):
        assert viewer.stdout.readline().startswith(b"http://")
        assert list((tmp_path / "copies").iterdir())
        viewer.send_signal(getattr(signal, name))
        assert viewer.wait(60) == 128 + getattr(signal, name)
    assert not list((tmp_path / "copies").iterdir())


def test_a_second_signal_does_not_stop_the_cleaning_up(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"data")))
    cleaned = []
    with pytest.raises(SystemExit), rereadable(["-"]) as names:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleaned.append(True)
    assert cleaned
    assert not os.path.lexists(names[0])
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_ctrl_c_ends_it(command, path, monkeypatch):
    def interrupted(viewer):
        raise KeyboardInterrupt

    monkeypatch.setattr(Viewer, "serve", interrupted)
    assert command("view", "--no-browser", path).code == 0
