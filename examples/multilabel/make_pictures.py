"""Make a folder of JPEGs, and beside it a CSV of what is on each: labels.csv.

    python examples/multilabel/make_pictures.py [FOLDER] [--pictures 1000]

Each has a cat or a dog, and by chance a collar, a hat, glasses, or the night around it.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pictures import EXTRAS, KINDS, draw_animal

SEED = 30
LABELS = sorted([*KINDS, *EXTRAS])


def make(folder: Path, pictures: int) -> None:
    """Draw as many pictures, and note their labels."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["Filenames", *LABELS])
        for number in range(pictures):
            kind = rng.choice(KINDS)
            extras = {extra for extra in EXTRAS if rng.random() < 0.4}
            name = f"picture_{number:05d}.jpg"
            draw_animal(kind, extras, rng).save(images / name, quality=90)
            table.writerow([name, *(int(label in {kind, *extras}) for label in LABELS)])
    print(f"made {pictures:,} pictures and labels.csv in {folder}")


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description="Draw pictures with several labels each.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("multilabel-output/pictures"))
    parser.add_argument("--pictures", type=int, default=1000)
    options = parser.parse_args()
    make(options.folder, options.pictures)


if __name__ == "__main__":
    main()
