"""The bucket of examples/cluster."""

from __future__ import annotations

from examples.running import EXAMPLES, run
from worlds.pictures import write_pictures

SETTINGS = [
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
]


def test_pictures_in_a_bucket_are_verified(no_clients, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES / "cluster"))
    from store import started

    # It sets them for good.
    for name in SETTINGS:
        monkeypatch.setenv(name, "")
    with started() as folder:
        assert folder == "s3://bucket"
        write_pictures(folder, 30)
        stdout, _ = run("cluster/cluster.py", folder, "--steps", "verify")
    assert "verify: 30 records, nothing wrong" in stdout
