"""A store of S3 on loopback, by moto; both libraries write to it and read from it."""

from __future__ import annotations

import os
import sys

import pytest
from s3_server import BUCKET, serving


@pytest.fixture(scope="session")
def s3():
    """Start a server, have the libraries find it, and return boto3's client of it."""
    import boto3

    def command(port):
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]

    with (
        serving(command, key="key", secret="secret") as settings,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in settings.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def no_clients(monkeypatch):
    """Have no client of a server that other tests had: its libraries keep them."""
    import s3fs

    from tfrecord_lite.stores import store

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setattr(store, "_stores", {})
    yield
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["fsspec", "obstore"])
def folder(s3, no_clients, request, monkeypatch):
    """The URL of an empty folder in a bucket, for one of the libraries."""
    monkeypatch.setenv("TFRECORD_LITE_STORE", request.param)
    return f"s3://{BUCKET}/{request.param}-{os.urandom(4).hex()}"


@pytest.fixture
def names(s3, folder):
    """A call that returns the names of the objects in the folder."""

    def listed():
        prefix = folder.partition(BUCKET + "/")[2] + "/"
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return sorted(one["Key"].removeprefix(prefix) for one in found)

    return listed
