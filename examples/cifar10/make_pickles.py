"""Make a small data set in the very format of cifar-10-batches-py, from generated images.

    python examples/cifar10/make_pickles.py [FOLDER] [--images 10000]

The classes are ten shapes, in random colors, sizes and places, under noise.
"""

from __future__ import annotations

import argparse
import pickle
import struct
from pathlib import Path

import numpy as np

SEED = 10
SHAPES = {
    "disc": lambda x, y: x**2 + y**2 < 1,
    "ring": lambda x, y: abs(x**2 + y**2 - 0.7) < 0.3,
    "square": lambda x, y: np.maximum(abs(x), abs(y)) < 0.9,
    "frame": lambda x, y: abs(np.maximum(abs(x), abs(y)) - 0.75) < 0.2,
    "diamond": lambda x, y: abs(x) + abs(y) < 1,
    "triangle": lambda x, y: (abs(x) < (y + 1) / 2) & (y < 1),
    "plus": lambda x, y: (np.minimum(abs(x), abs(y)) < 0.3) & (np.maximum(abs(x), abs(y)) < 1),
    "times": lambda x, y: (abs(abs(x) - abs(y)) < 0.4) & (np.maximum(abs(x), abs(y)) < 1),
    "rows": lambda x, y: (np.sin(8 * y) > 0) & (np.maximum(abs(x), abs(y)) < 1),
    "columns": lambda x, y: (np.sin(8 * x) > 0) & (np.maximum(abs(x), abs(y)) < 1),
}


def draw(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an image of each label's shape: uint8 ``[n, 3072]``, all red, then green, then blue.

    That is the order of CIFAR-10: each color is an image of 32 x 32, row by row.
    """
    count = len(labels)
    radius = rng.uniform(7, 13, (count, 1, 1))
    y, x = np.mgrid[0:32, 0:32]
    x = (x - rng.uniform(13, 18, (count, 1, 1))) / radius
    y = (y - rng.uniform(13, 18, (count, 1, 1))) / radius
    inside = np.empty((count, 1, 32, 32), bool)
    for label, shape in enumerate(SHAPES.values()):
        mine = labels == label
        inside[mine, 0] = shape(x[mine], y[mine])
    ground = rng.uniform(0, 255, (count, 3, 1, 1))
    # Half way around from the ground's color, so that the shape can be seen.
    color = (ground + rng.uniform(90, 165, ground.shape)) % 255
    images = np.where(inside, color, ground) + rng.normal(0, 40, (count, 3, 32, 32))
    return images.clip(0, 255).astype(np.uint8).reshape(count, 3072)


def make(folder: Path, images: int) -> None:
    """Make five training batches of ``images`` in all, and a test batch of a fifth as many."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    size = images // 5
    names = {f"data_batch_{i}": f"training batch {i} of 5" for i in range(1, 6)}
    names["test_batch"] = "testing batch 1 of 1"
    for name, title in names.items():
        labels = rng.integers(0, len(SHAPES), size)
        batch = {
            b"batch_label": title.encode(),
            b"labels": labels.tolist(),
            b"data": draw(labels, rng),
            b"filenames": [f"{name}_{i:06d}.png".encode() for i in range(size)],
        }
        dump(batch, folder / name)
    label_names = [name.encode() for name in SHAPES]
    meta = {b"num_cases_per_batch": size, b"label_names": label_names, b"num_vis": 3072}
    dump(meta, folder / "batches.meta")
    print(f"made {6 * size:,} images in {folder}")


class Python2Pickler(pickle._Pickler):  # noqa: SLF001 - the one that can be changed
    """Pickles as Python 2 did, where the real files come from: byte strings as they are."""

    dispatch = pickle._Pickler.dispatch.copy()  # noqa: SLF001

    def save_bytes(self, data: bytes) -> None:
        """Write a byte string."""
        self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)

    dispatch[bytes] = save_bytes


def dump(content: object, path: Path) -> None:
    """Write a pickle."""
    with path.open("wb") as file:
        Python2Pickler(file, protocol=2).dump(content)


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description="Make a data set in CIFAR-10's format.")
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path("cifar10-output/cifar-10-batches-py")
    )
    parser.add_argument("--images", type=int, default=10_000, help="for training; 5 batches")
    options = parser.parse_args()
    make(options.folder, options.images)


if __name__ == "__main__":
    main()
