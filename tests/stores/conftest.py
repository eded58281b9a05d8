"""Folders in fsspec's memory, each of one test, and a server of HTTP for each library."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from object_server import serving

from tfrecord_lite.stores import store as stores

folders = itertools.count()


@pytest.fixture
def folder():
    """The URL of a folder of its own, with nothing in it."""
    fsspec = pytest.importorskip("fsspec")
    name = f"writing-{next(folders)}"
    yield f"memory://{name}"
    memory = fsspec.filesystem("memory")
    if memory.exists(f"/{name}"):
        memory.rm(f"/{name}", recursive=True)


@pytest.fixture
def names():
    """A call that returns all that lies in such a folder, and below, empty folders too."""
    fsspec = pytest.importorskip("fsspec")

    def listed(folder):
        memory = fsspec.filesystem("memory")
        top = "/" + folder.partition("://")[2]
        found = [path for path in memory.find(top, withdirs=True) if path != top]
        return sorted(
            path.removeprefix(top + "/")
            for path in found
            if not any(other.startswith(path + "/") for other in found)
        )

    return listed


@pytest.fixture(params=["fsspec", "obstore"])
def library(request, monkeypatch):
    """Have URLs be read by one library."""
    if request.param == "obstore":
        pytest.importorskip("obstore")
        from tfrecord_lite.stores import obstore_store

        quick = {
            "init_backoff": timedelta(milliseconds=1),
            "max_backoff": timedelta(milliseconds=9),
            "base": 2.0,
        }
        monkeypatch.setitem(obstore_store.RETRY, "backoff", quick)
        monkeypatch.setitem(obstore_store.RETRY, "max_retries", 2)
    else:
        pytest.importorskip("fsspec")
        pytest.importorskip("aiohttp")
    monkeypatch.setenv("TFRECORD_LITE_STORE", request.param)
    monkeypatch.setattr(stores, "_stores", {})
    return request.param


@pytest.fixture
def server(library):
    with serving() as server:
        yield server
