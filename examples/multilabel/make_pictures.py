"""Make a directory of JPEGs, and a CSV of what is on each: labels.csv.

    python examples/multilabel/make_pictures.py [FOLDER] [--pictures 400]

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


def make(folder: Path, pictures: int) -> None:
    """Draw as many pictures, and note their labels."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image_name", "tags"])
        for number in range(pictures):
            kind = rng.choice(KINDS)
            extras = [extra for extra in EXTRAS if rng.random() < 0.4]
            name = f"picture_{number:05d}.jpg"
            draw_animal(kind, set(extras), rng).save(folder / name, quality=90)
            table.writerow([name, " ".join([kind, *extras])])
    print(f"made {pictures:,} pictures and labels.csv in {folder}")


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description="Draw pictures with several labels each.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("multilabel-output/pictures"))
    parser.add_argument("--pictures", type=int, default=400)
    options = parser.parse_args()
    make(options.folder, options.pictures)


if __name__ == "__main__":
    main()
