"""Make a directory of JPEGs of cats and dogs.

They are named as Kaggle's are: cat.0.jpg, dog.0.jpg, cat.1.jpg, ...

    python examples/cats_and_dogs/make_pictures.py [FOLDER] [--pictures 800]
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pictures import KINDS, draw_animal

SEED = 20


def make(folder: Path, pictures: int) -> None:
    """Draw as many pictures, half of them cats."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    for number in range(pictures):
        kind = KINDS[number % 2]
        path = folder / f"{kind}.{number // 2}.jpg"
        draw_animal(kind, set(), rng).save(path, quality=90)
    print(f"made {pictures:,} pictures in {folder}")


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description="Draw cats and dogs.")
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path("cats-and-dogs-output/pictures")
    )
    parser.add_argument("--pictures", type=int, default=800)
    options = parser.parse_args()
    make(options.folder, options.pictures)


if __name__ == "__main__":
    main()
