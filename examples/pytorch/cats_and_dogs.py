"""Cats and dogs: JPEGs decoded and augmented by worker processes, on one rank or on several.

    python examples/pytorch/cats_and_dogs.py [--ranks 2] [--epochs 2] [--stop-after STEPS]

Writes a checkpoint at the end, or after some steps, in the middle of an epoch. Run again, it goes
on there: at the very next picture, and with another number of ranks if you like.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing
from PIL import Image
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import tfrecord_lite as tfr
from tfrecord_lite.torch import make_loader

sys.path.insert(0, str(Path(__file__).parents[1]))

from pictures import KINDS, draw_animal

SEED = 20
SIZE = 64
FEATURES = {
    "image": tfr.FixedLenFeature([], bytes),  # a JPEG file, as it is
    "label": tfr.FixedLenFeature([], np.int64),  # 0 is a cat, 1 a dog
}


def write(name: Path, pictures: int) -> None:
    """Draw pictures, and write them to four shards."""
    rng = random.Random(SEED)
    with tfr.ShardWriter(name, num_shards=4, features=FEATURES) as writer:
        for number in range(pictures):
            file = io.BytesIO()
            draw_animal(KINDS[number % 2], set(), rng).save(file, "JPEG", quality=90)
            writer.write_example({"image": file.getvalue(), "label": number % 2})


def augment(batch: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Decode a batch, and cut and flip by chance: uint8 ``[batch, 3, 64, 64]``.

    It runs in the worker processes. ``rng`` is given: its numbers follow from the seed, the epoch
    and the batch, so the same pictures come of it with any number of workers, and after a restart.
    """
    images = np.empty((len(batch["image"]), SIZE, SIZE, 3), np.uint8)
    for row, data in enumerate(batch["image"]):
        image = Image.open(io.BytesIO(data)).convert("RGB")
        left, top = rng.integers(0, 12, 2)
        box = (int(left), int(top), image.width - int(left), image.height - int(top))
        pixels = np.asarray(image.resize((SIZE, SIZE), box=box))
        images[row] = pixels[:, ::-1] if rng.random() < 0.5 else pixels
    return {"image": images.transpose(0, 3, 1, 2).copy(), "label": batch["label"]}


def make_model() -> nn.Module:
    """Return a small network of convolutions."""
    torch.manual_seed(SEED)
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 8 * 8, 2))


def total(number: int) -> int:
    """Return the sum over all ranks."""
    numbers = torch.tensor(number)
    dist.all_reduce(numbers)
    return int(numbers)


def train(rank: int, options: argparse.Namespace, meeting: str) -> None:
    """Be one of the ranks."""
    dist.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=options.ranks
    )
    model = DistributedDataParallel(make_model())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    # Rank and number of ranks are those of torch.distributed, which is initialised by now. With
    # "drop" all ranks have as many batches, as synchronous training needs.
    loader = make_loader(
        options.output / "train",
        batch_size=options.batch_size,
        shuffle=True,
        seed=SEED,
        even="drop",
        workers=options.workers,
        map=augment,
    )
    epoch = seen = steps = 0
    checkpoint = options.output / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.module.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        loader.load_state_dict(saved["loader"])
        epoch, seen = saved["epoch"], saved["seen"]
        if rank == 0:
            print(f"going on in epoch {epoch}, after {seen} pictures, with {options.ranks} ranks")

    def save() -> None:
        if rank == 0:
            # The state of one rank is that of all which have taken as many steps.
            state = {"model": model.module.state_dict(), "optimizer": optimizer.state_dict()}
            state.update(loader=loader.state_dict(), epoch=epoch, seen=seen)
            torch.save(state, checkpoint)
            print(f"saved in epoch {epoch}, after {seen} pictures")

    with loader:
        while epoch < options.epochs:
            for batch in loader:
                loss = nn.functional.cross_entropy(model(batch["image"] / 255), batch["label"])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                steps += 1
                seen += total(len(batch["label"]))
                if steps == options.stop_after:
                    save()
                    dist.destroy_process_group()
                    return
            if rank == 0:
                print(f"epoch {epoch}: {seen} pictures, loss {loss.item():.3f}")
            epoch, seen = epoch + 1, 0
    save()
    dist.destroy_process_group()


def main() -> None:
    """Write the pictures where there are none, and start the ranks."""
    parser = argparse.ArgumentParser(description="Train on pictures, resumed anywhere.")
    parser.add_argument("--output", type=Path, default=Path("pytorch-cats-and-dogs-output"))
    parser.add_argument("--pictures", type=int, default=800)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="worker processes of each rank")
    parser.add_argument("--stop-after", type=int, help="save and stop after so many steps")
    options = parser.parse_args()
    if not (options.output / "train.manifest.json").exists():
        write(options.output / "train", options.pictures)
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder, "meeting"))
        if options.ranks == 1:
            train(0, options, meeting)
        else:
            torch.multiprocessing.spawn(train, (options, meeting), nprocs=options.ranks)


if __name__ == "__main__":
    main()
