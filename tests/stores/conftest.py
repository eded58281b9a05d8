"""Folders in fsspec's memory, each of one test."""

from __future__ import annotations

import itertools

import pytest

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
    """A call that returns all that lies in such a folder, and below."""
    fsspec = pytest.importorskip("fsspec")

    def listed(folder):
        memory = fsspec.filesystem("memory")
        top = "/" + folder.partition("://")[2]
        return sorted(path.removeprefix(top + "/") for path in memory.find(top))

    return listed
