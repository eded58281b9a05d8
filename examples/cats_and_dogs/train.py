"""Train MobileNet for a few steps on GZIP files of pictures.

    python examples/cats_and_dogs/train.py [--epochs 4] [--steps 5]

Reads what write_shards.py wrote, and leaves samples.png and loss_and_accuracy.png beside it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import common
import tensorflow as tf

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset

SEED = 20
SIZE = 150
SHUFFLED = 256
NAMES = ["cat", "dog"]


def decode(example: dict[str, Any]) -> tuple[Any, Any]:
    """Return the picture, uint8 ``[height, width, 3]``, and the label."""
    image = tf.io.decode_image(example["image"], channels=3, expand_animations=False)
    # Of no known shape, since the formats differ.
    return tf.ensure_shape(image, [None, None, 3]), example["label"]


def resize(image: Any, label: Any) -> tuple[Any, Any]:
    """Bring a picture to the size of all: float32 ``[150, 150, 3]``."""
    return tf.image.resize(image, [SIZE, SIZE]), label


def preprocess(images: Any, labels: Any) -> tuple[Any, Any]:
    """Bring a batch to what MobileNet takes: -1 to 1."""
    return tf.keras.applications.mobilenet.preprocess_input(images), labels


def read(name: Path, batch_size: int) -> Any:
    """Return a pipeline over the shards of a set, from files to batches for MobileNet."""
    # Keras wants to know how many there are.
    count = tfr.Manifest.load(f"{name}.manifest.json").records
    return (
        # Several shards at once, where there are, which is not deterministic. None: the features
        # are those in the manifest.
        make_dataset(name, None, batch_size=64, deterministic=False)
        .unbatch()
        .apply(tf.data.experimental.assert_cardinality(count))
        .map(decode, tf.data.AUTOTUNE)
        # After what takes long and is the same in each epoch, before what is not.
        .cache()
        .shuffle(SHUFFLED, seed=SEED)
        .map(resize, tf.data.AUTOTUNE)
        .batch(batch_size)
        .map(preprocess, tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def make_model() -> Any:
    """Return MobileNet with one logit on top: above 0 is a dog."""
    base, pretrained = common.with_weights(
        tf.keras.applications.MobileNet, input_shape=[SIZE, SIZE, 3], pooling="avg"
    )
    # What it has learnt stays; where it has learnt nothing, all of it has to.
    base.trainable = not pretrained
    for layer in base.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            # Its averages would take hundreds of steps to become what validation needs.
            layer.momentum = 0.5
    model = tf.keras.Sequential([base, tf.keras.layers.Dense(1)])
    model.compile(
        optimizer=tf.keras.optimizers.Adam(1e-3),
        loss=tf.keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[tf.keras.metrics.BinaryAccuracy("accuracy", threshold=0)],
    )
    return model


def main() -> None:
    """Train, and draw what came of it."""
    parser = argparse.ArgumentParser(description="Train MobileNet on TFRecord shards.")
    parser.add_argument("--output", type=Path, default=Path("cats-and-dogs-output"))
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5, help="in each epoch")
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    output: Path = options.output
    common.use_device()
    tf.keras.utils.set_random_seed(SEED)
    train_data = read(output / "train", options.batch_size)
    validation_data = read(output / "validation", options.batch_size)
    for images, labels in train_data.take(1):
        print(f"a batch: images {images.dtype.name} {images.shape}, labels {labels.shape}")

    model = make_model()
    history = model.fit(
        train_data.repeat(),
        validation_data=validation_data,
        epochs=options.epochs,
        steps_per_epoch=options.steps,
        shuffle=False,  # the pipeline does
        verbose=2,  # a line for each epoch
    ).history

    images, labels = next(iter(validation_data))
    guesses = model.predict(images, verbose=0)[:, 0] > 0
    titles = [
        f"{NAMES[label]}, guess {NAMES[guess]}"
        for label, guess in zip(labels.numpy(), guesses.astype(int), strict=True)
    ]
    samples, curves = output / "samples.png", output / "loss_and_accuracy.png"
    caption = "Pictures of the validation set: label and guess"
    pictures = (images.numpy() + 1) / 2
    common.draw_samples(samples, pictures, titles, rows=3, columns=3, caption=caption)
    caption = f"MobileNet: {options.steps} steps of {options.batch_size} pictures an epoch"
    common.draw_history(curves, history, caption)
    print(f"pictures: {samples}, {curves}")


if __name__ == "__main__":
    main()
