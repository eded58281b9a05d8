"""Train a classifier on the shards, and tell how long it waits for its input.

    python examples/cifar10/train.py [--epochs 5] [--batch-size 128]

Reads what write_shards.py wrote, and leaves samples.png and loss_and_accuracy.png beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import common
import tensorflow as tf

from tfrecord_lite.tensorflow import make_dataset

SEED = 10
SHUFFLED = 10_000


def prepare(batch: dict[str, Any]) -> tuple[Any, Any]:
    """Return a batch's images, uint8 ``[n, 32, 32, 3]``, and labels, int64 ``[n]``."""
    images = batch["image"]
    if images.dtype == tf.string:  # PNG files
        images = tf.map_fn(tf.io.decode_png, images, fn_output_signature=tf.uint8)
        images = tf.ensure_shape(images, [None, 32, 32, 3])
    return images, batch["label"]


def make_model() -> Any:
    """Return the classifier, made with Keras's functional API: images to logits of ten classes."""
    layers = tf.keras.layers
    images = tf.keras.Input([32, 32, 3])
    # Here rather than in the pipeline: bytes travel faster than floats.
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    return tf.keras.Model(images, layers.Dense(10)(x))


class Classifier:
    """The model, and what it takes to train and to judge it."""

    def __init__(self) -> None:
        self.model = make_model()
        self.optimizer = tf.keras.optimizers.Adam(0.002)
        self.loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.loss = tf.keras.metrics.Mean()
        self.accuracy = tf.keras.metrics.SparseCategoricalAccuracy()

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


def main() -> None:
    """Train and validate, epoch by epoch."""
    parser = argparse.ArgumentParser(description="Train on CIFAR-10 from TFRecord shards.")
    parser.add_argument("--output", type=Path, default=Path("cifar10-output"))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=128)
    options = parser.parse_args()
    output: Path = options.output
    common.use_device()
    tf.keras.utils.set_random_seed(SEED)

    # None: the features are those in the manifest that the writer left.
    train_data = make_dataset(
        output / "cifar10_train",
        None,
        batch_size=options.batch_size,
        shuffle=SHUFFLED,
        seed=SEED,
        repeat=options.epochs,
        map=prepare,
    )
    test_data = make_dataset(output / "cifar10_test", None, batch_size=256, map=prepare)
    steps = int(train_data.cardinality()) // options.epochs

    images, labels = next(iter(train_data))
    names = (output / "label_names.txt").read_text(encoding="utf-8").split()
    titles = [names[label] for label in labels.numpy()]
    common.draw_samples(output / "samples.png", images.numpy(), titles, rows=3, columns=3)

    classifier = Classifier()
    losses: dict[str, list[float]] = {"training": [], "validation": []}
    accuracies: dict[str, list[float]] = {"training": [], "validation": []}
    waiting = training = 0.0
    batches = iter(train_data)
    for epoch in range(1, options.epochs + 1):
        began = time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            images, labels = next(batches)
            waiting += time.perf_counter() - asked
            # A GPU works on after the call: the step has ended when its loss is here.
            classifier.train_step(images, labels).numpy()
        seconds = time.perf_counter() - began
        training += seconds
        results = {"training": classifier.take_results()}
        for images, labels in test_data:
            classifier.test_step(images, labels)
        results["validation"] = classifier.take_results()

        said = []
        for name, (loss, accuracy) in results.items():
            losses[name].append(loss)
            accuracies[name].append(accuracy)
            said.append(f"{name} loss {loss:.4f}, accuracy {accuracy:.4f}")
        print(f"epoch {epoch}: {'; '.join(said)}; {steps} steps in {seconds:.1f} s")

    print(f"waiting for input: {waiting / training:.1%} of the {training:.1f} s of all steps")
    picture = output / "loss_and_accuracy.png"
    common.draw_curves(picture, {"loss": losses, "accuracy": accuracies}, over="epoch")
    print(f"pictures: {output / 'samples.png'}, {picture}")


if __name__ == "__main__":
    main()
