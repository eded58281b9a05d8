"""Lightning's trainer on the CPU takes our loaders as they are, and goes on in an epoch."""

from __future__ import annotations

import logging

import pytest
import torch
from torch.utils.data import DataLoader
from worlds.files import write_ids

import tfrecord_lite as tfr
from tfrecord_lite.torch import IterableDataset, make_loader

COUNTS = (5, 0, 17, 1, 9)
OPTIONS = {"batch_size": 4, "shuffle": True, "seed": 1}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:lightning"),
    pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
]


def epochs(paths, count):
    dataset = tfr.Dataset(paths, **OPTIONS)
    return [[batch["id"].tolist() for batch in dataset] for _ in range(count)]


@pytest.fixture
def model_class():
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)
            self.seen = []

        def training_step(self, batch, _):
            self.seen.append(batch["id"].tolist())
            return self.layer(batch["id"].float()[:, None]).square().mean()

        def validation_step(self, batch, _):
            self.layer(batch["id"].float()[:, None])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=1e-6)

    return Model


def trainer(folder, checkpoints=(), **options):
    import lightning
    from lightning.pytorch.callbacks import ModelCheckpoint

    return lightning.Trainer(
        callbacks=[
            ModelCheckpoint(folder, f"{step}", save_top_k=-1, every_n_train_steps=step)
            for step in checkpoints
        ],
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=bool(checkpoints),
        default_root_dir=folder,
        **options,
    )


@pytest.mark.parametrize("kind", ["make_loader", "DataLoader"])
def test_training(tmp_path, model_class, kind):
    paths = write_ids(tmp_path / "data", COUNTS)

    def make():
        if kind == "make_loader":
            return make_loader(paths, **OPTIONS)
        data = IterableDataset(paths, **OPTIONS)
        return DataLoader(data, None, num_workers=1, multiprocessing_context="fork")

    model = model_class()
    trainer(tmp_path, max_epochs=2).fit(model, make(), make_loader(paths, batch_size=8))
    assert model.seen == [batch for epoch in epochs(paths, 2) for batch in epoch]


def test_a_checkpoint_goes_on_in_the_middle_of_an_epoch(tmp_path, model_class):
    paths = write_ids(tmp_path / "data", COUNTS)
    first, second = model_class(), model_class()
    trainer(tmp_path, max_steps=11, checkpoints=[11]).fit(first, make_loader(paths, **OPTIONS))
    trainer(tmp_path, max_epochs=3).fit(
        second, make_loader(paths, **OPTIONS), ckpt_path=tmp_path / "11.ckpt", weights_only=False
    )
    wanted = [batch for epoch in epochs(paths, 3) for batch in epoch]
    assert first.seen == wanted[:11]
    assert second.seen == wanted[11:]
