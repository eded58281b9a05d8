"""Writers of one file where the system's own limits are met (fault matrix, row 25)."""

from __future__ import annotations

import errno
import os
import random
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest
from frames import THREE
from records.ways import CODECS, WAYS, prepare, whole_records

from tfrecord_lite import RecordWriter


def fill(path: object, options: dict[str, Any]) -> list[int | None]:
    """Write 2 MB where there is no room for them; return what writing and closing raised."""
    rng = random.Random(1)
    writer = RecordWriter(path, **options)  # type: ignore[arg-type]
    raised = []
    for use in (lambda: writer.write_many(rng.randbytes(5000) for _ in range(400)), writer.close):
        with pytest.raises(OSError) as caught:
            use()
        raised.append(caught.value.errno)
    return raised


def check_full(path: Path, options: dict[str, Any]) -> None:
    got = whole_records(path) if path.exists() else []
    rng = random.Random(1)
    new = [rng.randbytes(5000) for _ in range(400)]
    if options.get("atomic") is False:
        assert got == new[: len(got)]
    elif options.get("mode") == "a":
        assert got == (THREE + new)[: max(len(got), 3)]
    else:
        assert got == ([] if options.get("mode") == "x" else THREE)
    assert os.listdir(path.parent) in ([], ["a"])


@pytest.mark.parametrize("options", WAYS)
def test_row_25_a_limit_on_the_size_of_files(options, tmp_path: Path) -> None:
    prepare(tmp_path / "a", options)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores the signal that comes with it.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_001, limits[1]))
    try:
        assert fill(tmp_path / "a", options) == [errno.EFBIG] * 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    check_full(tmp_path / "a", options)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory) -> Any:
    folder = tmp_path_factory.mktemp("small")
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("options", WAYS)
def test_row_25_a_small_disk(options, small_disk: Path) -> None:
    prepare(small_disk / "a", options)
    assert fill(small_disk / "a", options) == [errno.ENOSPC] * 2
    check_full(small_disk / "a", options)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("codec", CODECS)
def test_row_25_dev_full(codec: str) -> None:
    assert fill("/dev/full", CODECS[codec]) == [errno.ENOSPC] * 2
