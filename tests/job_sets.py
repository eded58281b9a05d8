"""What the tests of jobs work on: Examples, and a look at sets and folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tfrecord_lite as tfr

if TYPE_CHECKING:
    from pathlib import Path

N = 50
WORDS = ["cat", "dog", "Eule", "öl"]


def row(number: int) -> dict[str, object]:
    return {
        "label": number % 10,
        "score": number / 4,
        "name": WORDS[number % 4],
        "words": WORDS[: number % 3] or None,
        "image/id": number,
    }


RECORDS = [tfr.encode_example(row(number)) for number in range(N)]


def of_set(name: object) -> list[bytes]:
    return list(tfr.read_records(str(name)))


def tree(folder: Path) -> list[str]:
    """Return all there is below a folder, hidden files and folders too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
