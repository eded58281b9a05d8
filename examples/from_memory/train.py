"""Arrays in memory to shards and back: the same training, step by step.

    python examples/from_memory/train.py [--epochs 3] [--output from-memory-output]

1. The handwritten digits that scikit-learn ships are split, and written to two sets of shards.
2. A model is summarised, and drawn.
3. It is trained from memory, then anew from the shards: the losses must be equal at each step.
4. A step is timed as Python runs it (eager) and as a graph (tf.function).
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import common
import numpy as np
import tensorflow as tf

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 40
BATCH_SIZE = 32
SHARDS = 3
TIMED_STEPS = 30
FEATURES = {
    "image": tfr.RawFeature([8, 8, 1], np.float32),  # the array's bytes as they are
    "label": tfr.FixedLenFeature([], np.int64),
}

Arrays = dict[str, np.ndarray]


def load_arrays() -> tuple[Arrays, Arrays]:
    """Return digits to train on and digits to validate: float32 ``[n, 8, 8, 1]``, int64 ``[n]``."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    # Shuffled once, here: memory and shards then have one order.
    order = np.random.default_rng(SEED).permutation(len(digits.target))
    images = digits.images[order, :, :, np.newaxis].astype(np.float32) / 16
    labels = digits.target[order].astype(np.int64)
    cut = len(labels) * 4 // 5
    return (
        {"image": images[:cut], "label": labels[:cut]},
        {"image": images[cut:], "label": labels[cut:]},
    )


def write(name: Path, arrays: Arrays) -> None:
    """Write arrays to the shards of a set, an Example for each row, and read them back."""
    rows = len(arrays["label"])
    with tfr.ShardWriter(
        name, records_per_shard=-(-rows // SHARDS), features=FEATURES, overwrite=True
    ) as writer:
        writer.write_many(tfr.encode_examples(arrays, FEATURES))
    (found,) = tfr.read_batches(f"{name}-*-of-*.tfrecord", FEATURES, batch_size=rows)
    for key, array in arrays.items():
        if not np.array_equal(found[key], array):
            raise SystemExit(f"{name}: {key} has changed")
    print(f"{name}: {writer.records:,} Examples in {SHARDS} shards, equal to the arrays")


def from_memory(arrays: Arrays) -> Any:
    """Return a pipeline over arrays: batches of images and labels."""
    data = tf.data.Dataset.from_tensor_slices((arrays["image"], arrays["label"]))
    return data.batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)


def from_shards(name: Path) -> Any:
    """Return the same over shards."""
    return make_dataset(
        name, FEATURES, batch_size=BATCH_SIZE, map=lambda batch: (batch["image"], batch["label"])
    )


def make_model() -> Any:
    """Return a small convolutional network: images to logits of ten digits."""
    tf.keras.utils.set_random_seed(SEED)  # the same weights each time
    layers = tf.keras.layers
    images = tf.keras.Input([8, 8, 1], name="image")
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(images)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    return tf.keras.Model(images, layers.Dense(10)(x), name="digits")


def make_step(model: Any) -> Callable[[Any, Any], Any]:
    """Return a function that learns from a batch, and gives its loss."""
    optimizer = tf.keras.optimizers.Adam(0.002)
    optimizer.build(model.trainable_variables)
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(images, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return step


def train(train_data: Any, validation_data: Any, epochs: int) -> tuple[list[float], float]:
    """Train a new model; return the loss of each step, and the accuracy on what was held out."""
    model = make_model()
    step = tf.function(make_step(model), reduce_retracing=True)
    losses = [float(step(images, labels)) for _ in range(epochs) for images, labels in train_data]
    accuracy = tf.keras.metrics.SparseCategoricalAccuracy()
    for images, labels in validation_data:
        accuracy.update_state(labels, model(images))
    return losses, float(accuracy.result())


def time_step(step: Callable[[Any, Any], Any], images: Any, labels: Any, count: int) -> float:
    """Return the median time of a step, in seconds, without the first, which may make a graph."""
    seconds = []
    for _ in range(count + 1):
        began = time.perf_counter()
        step(images, labels).numpy()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def draw_model(path: Path, model: Any) -> None:
    """Draw a model's layers, from the input down.

    Keras has ``plot_model`` for that; it needs Graphviz, which pip does not install.
    """
    plt = common.pyplot()
    figure, axis = plt.subplots(figsize=(5, 0.9 * len(model.layers)), layout="constrained")
    for place, layer in enumerate(model.layers):
        shape = " x ".join(str(size or "n") for size in layer.output.shape)
        text = f"{layer.name} ({type(layer).__name__})\n{shape}; {layer.count_params():,} weights"
        box = {"boxstyle": "round,pad=0.5", "facecolor": "#dce9f5", "edgecolor": "#2456c9"}
        axis.text(0, -place, text, ha="center", va="center", fontsize=9, bbox=box)
        if place:
            arrow = {"arrowstyle": "->"}
            axis.annotate("", xy=(0, -place + 0.3), xytext=(0, -place + 0.7), arrowprops=arrow)
    axis.set(xlim=(-1, 1), ylim=(0.5 - len(model.layers), 0.5))
    axis.axis("off")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Do all four."""
    parser = argparse.ArgumentParser(description="Train from memory and from TFRecord shards.")
    parser.add_argument("--output", type=Path, default=Path("from-memory-output"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--timed-steps", type=int, default=TIMED_STEPS)
    options = parser.parse_args()
    output: Path = options.output
    common.use_device()
    # Otherwise sums are added up in the order in which threads end.
    tf.config.experimental.enable_op_determinism()

    train_arrays, validation_arrays = load_arrays()
    write(output / "train", train_arrays)
    write(output / "validation", validation_arrays)

    model = make_model()
    model.summary()
    draw_model(output / "model.png", model)

    memory, memory_accuracy = train(
        from_memory(train_arrays), from_memory(validation_arrays), options.epochs
    )
    shards, shards_accuracy = train(
        from_shards(output / "train"), from_shards(output / "validation"), options.epochs
    )
    with (output / "losses.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["step", "memory", "shards"])
        table.writerows(zip(range(1, len(memory) + 1), memory, shards, strict=True))
    if memory != shards or memory_accuracy != shards_accuracy:
        raise SystemExit(f"the losses differ: see {output / 'losses.csv'}")
    print(
        f"{len(memory)} steps from memory and from shards: all losses equal, from {memory[0]:.4f} "
        f"to {memory[-1]:.4f}; {memory_accuracy:.1%} of held-out digits right"
    )
    lines = {"from memory": memory, "from shards": shards}
    common.draw_curves(output / "losses.png", {"loss of each step": lines}, over="step")

    images, labels = next(iter(from_shards(output / "train")))
    count = options.timed_steps
    eager = time_step(make_step(make_model()), images, labels, count)
    graph = time_step(tf.function(make_step(make_model())), images, labels, count)
    print(f"a step: eager {eager * 1e3:.2f} ms, tf.function {graph * 1e3:.2f} ms")
    print(f"pictures: model.png and losses.png in {output}")


if __name__ == "__main__":
    main()
