"""A server of S3 on this machine, by moto: what it stores lies in its memory.

    python examples/cluster/store.py

says what others need in their environment to use it, and runs until it is interrupted.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "bucket"
SETTINGS = [
    *("AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    *("AWS_REGION", "AWS_DEFAULT_REGION"),
]


@contextmanager
def started() -> Iterator[str]:
    """Start a server, for this process and those it starts; yield the URL of an empty bucket.

    Where moto or a client of S3 is missing, it is the directory cluster-output.
    """
    missing = [] if find_spec("moto") else ["moto"]
    if not (find_spec("obstore") or find_spec("s3fs")):
        missing.append("obstore or s3fs")
    if missing:
        print(f"the bucket: a directory, since there is no {', no '.join(missing)}")
        yield os.path.abspath("cluster-output")
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    values = [url, "true", "anything", "anything", "us-east-1", "us-east-1"]
    os.environ.update(zip(SETTINGS, values, strict=True))
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _make_bucket(f"{url}/{BUCKET}", server)
            yield f"s3://{BUCKET}"
        finally:
            server.terminate()


def _make_bucket(url: str, server: subprocess.Popen[bytes]) -> None:
    """Make a bucket as soon as the server answers."""
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="PUT")).close()
        except OSError:
            if server.poll() is not None:
                raise
            time.sleep(0.1)
        else:
            return


def main() -> None:
    """Serve until interrupted."""
    argparse.ArgumentParser(
        description="A server of S3 on this machine, until it is interrupted."
    ).parse_args()
    with started() as folder:
        if "://" in folder:
            print("".join(f"export {key}={os.environ[key]}\n" for key in SETTINGS))
        print(f"python examples/cluster/cluster.py {folder}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
