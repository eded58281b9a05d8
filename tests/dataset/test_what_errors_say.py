"""What is said of files that cannot be used: the file, what is wrong with it, what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.files.publishing import publish_shards

PATTERN = "use {index} and perhaps {total}, as in 'shard_{index:03d}.tfrecord'"


def said(function, *args, **options) -> str:
    with pytest.raises((ValueError, OSError, tfr.TFRecordError)) as caught:
        function(*args, **options)
    return str(caught.value)


def test_a_file_that_has_no_random_access(tmp_path: Path) -> None:
    path = tmp_path / "a"
    tfr.write_records(path, [b"x"], compression="ZLIB")
    assert said(tfr.RecordIndex.build, path) == (
        f"{path}: a ZLIB stream can only be read from its front; for random access write it again "
        "without compression, or as GZIP"
    )


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (
            "a_{index",
            "'a_{index' is no pattern of shard names (expected '}' before end of string); "
            + PATTERN,
        ),
        ("a_{index:x}", f"'a_{{index:x}}': {{index:x}} is not a field of shard names; {PATTERN}"),
        ("a_{index}_{n}", f"'a_{{index}}_{{n}}': {{n}} is not a field of shard names; {PATTERN}"),
        ("a_{total}", f"'a_{{total}}' has no {{index}} in the file's name; {PATTERN}"),
    ],
)
def test_a_pattern_of_shards_that_is_none(tmp_path: Path, pattern: str, reason: str) -> None:
    assert said(tfr.ShardWriter, tmp_path / pattern) == reason


@pytest.mark.parametrize("missing", [1, 10, 11, 12])
def test_parts_that_are_missing(tmp_path: Path, missing: int) -> None:
    with tfr.ShardWriter(tmp_path / "a", part=0) as writer:
        writer.write(b"x")
    listed = ", ".join(str(part) for part in range(1, min(missing, 10) + 1))
    more = f" and {missing - 10} more" if missing > 10 else ""
    assert said(publish_shards, tmp_path / "a", missing + 1) == (
        f"{tmp_path / 'a'}: of {missing + 1} parts these are not complete: {listed}{more}; run "
        "their writers (part=i) again"
    )


@pytest.mark.parametrize("name", ["a}b", "a}}b"])
def test_a_name_with_a_brace_is_no_pattern(tmp_path: Path, name: str) -> None:
    with tfr.ShardWriter(tmp_path / name) as writer:
        writer.write(b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}-00000-of-00001.tfrecord",
        f"{name}.manifest.json",
    ]


def test_a_large_record_by_its_number(tmp_path: Path) -> None:
    """The size that is refused is the record's, wherever in the file it lies."""
    tfr.write_records(tmp_path / "a", [b"x" * 90] * 50 + [b"y" * 101])
    with tfr.RecordFile(tmp_path / "a", max_record_bytes=100) as file:
        assert file[49] == b"x" * 90
        assert file[[48, 49]] == [b"x" * 90] * 2
        with pytest.raises(tfr.RecordTooLargeError, match=re.escape("101")):
            file[50]
