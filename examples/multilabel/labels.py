"""The labels of pictures, several each, in a CSV file beside the folder ``images``.

Its column ``Filenames`` has the pictures' names, and each other column one label: 0 or 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

SEED = 30


def read_labels(folder: Path) -> pd.DataFrame:
    """Return a row for each picture, in an order that is random and the same each time.

    The index has the names of the pictures, the columns are the labels: int64, 0 or 1.
    """
    path = folder / "labels.csv"
    table = pd.read_csv(path)
    if "Filenames" not in table:
        raise SystemExit(f"{path} has no column Filenames, but {', '.join(table)}")
    labels = table.set_index("Filenames").astype("int64")
    if not labels.isin([0, 1]).all(axis=None):
        raise SystemExit(f"{path}: a label is 0 or 1")
    missing = [name for name in labels.index if not (folder / "images" / name).exists()]
    if missing or not len(labels):
        raise SystemExit(
            f"{path} has {len(labels)} pictures; in {folder / 'images'} {len(missing)} of them are "
            f"missing, as {', '.join(missing[:1])}"
        )
    return labels.sample(frac=1, random_state=SEED)


def training_count(labels: pd.DataFrame) -> int:
    """Return how many of the pictures, from the first on, are to train on: four fifths."""
    return len(labels) * 4 // 5
