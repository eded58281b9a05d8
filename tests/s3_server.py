"""Servers of S3 on loopback, one of them s3rver, of npm."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

BUCKET = "bucket"
_MOST_SECONDS = 120


def find_s3rver(folder: Path | None = None) -> str | None:
    """Return the program, from $S3RVER or the path, or installed into a folder; None: no such."""
    found = os.environ.get("S3RVER") or shutil.which("s3rver")
    npm = shutil.which("npm")
    if found or folder is None or npm is None or shutil.which("node") is None:
        return found
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, "s3rver"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_MOST_SECONDS)
    except (subprocess.SubprocessError, OSError):
        return None
    return str(folder / "node_modules" / ".bin" / "s3rver")


def serving_s3(program: str, folder: Path):
    """Serve a bucket that lies in a folder, as `serving` does."""
    return serving(
        lambda port: [
            program, "-d", str(folder), "-a", "127.0.0.1", "-p", str(port), "-s",
            "--configure-bucket", BUCKET,
        ],
        key="S3RVER",
        secret="S3RVER",
    )  # fmt: skip


@contextmanager
def serving(command, *, key: str, secret: str):
    """Run a server, by its command for a port; yield what the environment of its users has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command(port), **quiet) as server:
        try:
            _wait_for(server, port)
            yield {
                "AWS_ACCESS_KEY_ID": key,
                "AWS_SECRET_ACCESS_KEY": secret,
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ALLOW_HTTP": "true",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            }
        finally:
            server.terminate()


def _wait_for(server, port):
    until = time.monotonic() + _MOST_SECONDS
    while server.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise OSError(f"{server.args[0]} did not start: {server.poll()}")
