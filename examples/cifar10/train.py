"""Train a classifier on the shards, and tell how long it waits for its input.

    python examples/cifar10/train.py [--epochs 5] [--batch-size 128] [--shuffle 10000]
    python examples/cifar10/train.py --tutorial

Reads what write_shards.py wrote, and leaves samples.png, loss_and_accuracy.png and predictions.png
beside it. ``--tutorial`` takes the tutorial's own model (dropout, and a softmax at its end),
optimizer (RMSprop), batches of 32 and shuffle buffer of 100.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import common
import tensorflow as tf

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset

if TYPE_CHECKING:
    import numpy as np

SEED = 10
BATCH_SIZE, SHUFFLED = 128, 10_000
TUTORIAL_BATCH_SIZE, TUTORIAL_SHUFFLED = 32, 100
LISTED, PREDICTED = 7, 20


def decode(batch: dict[str, Any]) -> dict[str, Any]:
    """Return a batch whose images are pixels, uint8 ``[n, 32, 32, 3]``."""
    images = batch["image"]
    if images.dtype == tf.string:  # PNG files
        images = tf.map_fn(tf.io.decode_png, images, fn_output_signature=tf.uint8)
        images = tf.ensure_shape(images, [None, 32, 32, 3])
    return {**batch, "image": images}


def prepare(batch: dict[str, Any]) -> tuple[Any, Any]:
    """Return a batch's images, uint8 ``[n, 32, 32, 3]``, and labels, int64 ``[n]``."""
    return decode(batch)["image"], batch["label_index"]


def show_samples(folder: Path, picture: Path) -> None:
    """List the first samples of a set, and draw nine."""
    # None: the features are those in the manifest that the writer left.
    batch = next(iter(make_dataset(folder, None, batch_size=9, map=decode)))
    images, labels = batch["image"].numpy(), batch["label_index"].numpy()
    names = [label.decode() for label in batch["label_name"].numpy()]
    samples = zip(images, labels, names, strict=True)
    for number, (image, label, name) in enumerate(islice(samples, LISTED)):
        print(f"sample {number}: image {image.dtype} {image.shape}, label {label} ({name})")
    common.draw_samples(
        picture, images, names, rows=3, columns=3, caption="First images of the training set"
    )


def make_model(tutorial: bool) -> Any:
    """Return the classifier, made with Keras's functional API.

    It gives the logits of ten classes; the tutorial's gives their probabilities.
    """
    layers = tf.keras.layers
    images = tf.keras.Input([32, 32, 3])
    # Here rather than in the pipeline: bytes travel faster than floats.
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    if tutorial:
        x = layers.Dropout(0.25)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    if tutorial:
        x = layers.Dropout(0.5)(x)
    return tf.keras.Model(images, layers.Dense(10, activation="softmax" if tutorial else None)(x))


class Classifier:
    """The model, and what it takes to train and to judge it."""

    def __init__(self, tutorial: bool) -> None:
        self.model = make_model(tutorial)
        optimizers = tf.keras.optimizers
        self.optimizer = optimizers.RMSprop(0.001) if tutorial else optimizers.Adam(0.002)
        self.loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=not tutorial)
        self.loss = tf.keras.metrics.Mean()
        self.accuracy = tf.keras.metrics.SparseCategoricalAccuracy()
        self.gives_logits = not tutorial

    # The last batch of an epoch may be smaller: one graph for batches of any size.
    @tf.function(reduce_retracing=True)
    def train_step(self, images: Any, labels: Any) -> Any:
        """Learn from a batch, and return its loss."""
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            loss = self.loss_of(labels, logits)
        weights = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        self._note(loss, labels, logits)
        return loss

    @tf.function(reduce_retracing=True)
    def test_step(self, images: Any, labels: Any) -> None:
        """Judge a batch."""
        logits = self.model(images, training=False)
        self._note(self.loss_of(labels, logits), labels, logits)

    def _note(self, loss: Any, labels: Any, logits: Any) -> None:
        self.loss.update_state(loss, tf.size(labels))
        self.accuracy.update_state(labels, logits)

    def take_results(self) -> tuple[float, float]:
        """Return the mean loss and the accuracy since this was last asked."""
        results = float(self.loss.result()), float(self.accuracy.result())
        self.loss.reset_state()
        self.accuracy.reset_state()
        return results

    def evaluate(self, data: Any) -> tuple[float, float]:
        """Judge all batches; return the mean loss and the accuracy."""
        for images, labels in data:
            self.test_step(images, labels)
        return self.take_results()

    def predict(self, images: Any) -> np.ndarray:
        """Return the probability of each class: float32 ``[n, 10]``."""
        outputs = self.model(images, training=False)
        return (tf.nn.softmax(outputs) if self.gives_logits else outputs).numpy()


def show_predictions(
    classifier: Classifier, data: Any, names: list[str], count: int, picture: Path
) -> None:
    """Print what the classifier makes of so many images, and draw these."""
    ((images, labels),) = data.unbatch().batch(PREDICTED).take(1)
    probabilities = classifier.predict(images)
    titles = []
    for label, row in zip(labels.numpy(), probabilities, strict=True):
        guess = int(row.argmax())
        sign = "right" if guess == label else "WRONG"
        titles.append(f"{names[label]}\n{names[guess]} ({row[guess]:.0%})")
        print(f"{names[label]:>12} taken for {names[guess]:12}{row[guess]:6.1%}  {sign}")
    caption = f"{len(titles)} of {count:,} test images: label, and below it what it is taken for"
    common.draw_samples(picture, images.numpy(), titles, rows=4, columns=5, caption=caption)


def main() -> None:
    """Train and validate, epoch by epoch."""
    parser = argparse.ArgumentParser(description="Train on CIFAR-10 from TFRecord shards.")
    parser.add_argument("--output", type=Path, default=Path("cifar10-output"))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument(
        "--tutorial", action="store_true", help="the tutorial's model, optimizer, batch and shuffle"
    )
    parser.add_argument("--batch-size", type=int, help="default: 128; the tutorial's 32")
    parser.add_argument("--shuffle", type=int, help="buffer; default: 10000; the tutorial's 100")
    options = parser.parse_args()
    output: Path = options.output
    tutorial: bool = options.tutorial
    batch_size = options.batch_size or (TUTORIAL_BATCH_SIZE if tutorial else BATCH_SIZE)
    shuffled = options.shuffle or (TUTORIAL_SHUFFLED if tutorial else SHUFFLED)
    common.use_device()
    tf.keras.utils.set_random_seed(SEED)

    show_samples(output / "cifar10_train", output / "samples.png")
    train_data = make_dataset(
        output / "cifar10_train",
        None,
        batch_size=batch_size,
        shuffle=shuffled,
        seed=SEED,
        repeat=options.epochs,
        map=prepare,
    )
    test_data = make_dataset(output / "cifar10_test", None, batch_size=256, map=prepare)
    test_count = tfr.Manifest.load(output / "cifar10_test" / "shard.manifest.json").records
    steps = int(train_data.cardinality()) // options.epochs
    print(f"{steps} steps an epoch: batches of {batch_size}, shuffled in a buffer of {shuffled:,}")

    classifier = Classifier(tutorial)
    classifier.model.summary()
    losses: dict[str, list[float]] = {"training": [], "validation": []}
    accuracies: dict[str, list[float]] = {"training": [], "validation": []}
    waiting = stepping = 0.0
    batches = iter(train_data)
    started = time.perf_counter()
    for epoch in range(1, options.epochs + 1):
        began = time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            images, labels = next(batches)
            waiting += time.perf_counter() - asked
            # A GPU works on after the call: the step has ended when its loss is here.
            classifier.train_step(images, labels).numpy()
        seconds = time.perf_counter() - began
        stepping += seconds
        results = {
            "training": classifier.take_results(),
            "validation": classifier.evaluate(test_data),
        }
        said = []
        for name, (loss, accuracy) in results.items():
            losses[name].append(loss)
            accuracies[name].append(accuracy)
            said.append(f"{name} loss {loss:.4f}, accuracy {accuracy:.4f}")
        print(f"epoch {epoch}: {'; '.join(said)}; {steps} steps in {seconds:.1f} s")

    took = time.perf_counter() - started
    print(f"training took {took:.1f} s, validation of each epoch included")
    print(f"waiting for input: {waiting / stepping:.1%} of the {stepping:.1f} s of all steps")

    loss, accuracy = classifier.evaluate(test_data)
    print(f"evaluation on {test_count:,} test images: loss {loss:.4f}, accuracy {accuracy:.4f}")
    names = (output / "label_names.txt").read_text(encoding="utf-8").split()
    show_predictions(classifier, test_data, names, test_count, output / "predictions.png")
    curves = {common.MEASURED["loss"]: losses, common.MEASURED["accuracy"]: accuracies}
    common.draw_curves(
        output / "loss_and_accuracy.png",
        curves,
        over="epoch",
        caption=f"Training on {steps} batches of {batch_size} an epoch",
    )
    print(f"pictures: samples.png, loss_and_accuracy.png and predictions.png in {output}")


if __name__ == "__main__":
    main()
