"""The labels of pictures, several each, in a CSV file: ``image_name,tags``."""

from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

SEED = 30


def read_labels(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the names of all labels, and by picture which it has: int64 ``[labels]``, 0 or 1."""
    with path.open(newline="", encoding="utf-8") as file:
        tags = {row["image_name"]: set(row["tags"].split()) for row in csv.DictReader(file)}
    names = sorted(set().union(*tags.values()))
    return names, {
        picture: np.array([name in mine for name in names], np.int64)
        for picture, mine in tags.items()
    }


def split(pictures: list[str]) -> tuple[list[str], list[str]]:
    """Return four fifths of the pictures to train on and the others to validate, shuffled."""
    pictures = sorted(pictures)
    random.Random(SEED).shuffle(pictures)
    training = len(pictures) * 4 // 5
    return pictures[:training], pictures[training:]
