"""Arrays in memory to shards and back: the same training, step by step.

    python examples/from_memory/train.py [--epochs 3] [--validation-ratio 0.2] [--eager]
    python examples/from_memory/train.py --images cifar

1. Arrays, the handwritten digits that scikit-learn ships or images of CIFAR-10's size, are split,
   and written to two sets of shards.
2. Shapes are looked at, eagerly and in a graph; a model is summarised, and drawn.
3. It is trained from memory, then again from the shards: the losses must be equal at each step.
4. It is evaluated, and a step is timed as Python runs it (eager) and as a graph (tf.function).
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import common
import numpy as np
import tensorflow as tf
from cifar10 import make_pickles
from shapes import show_shapes

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 40
BATCH_SIZE = 32
SHARDS = 3
TIMED_STEPS = 30
IMAGES = 2000  # of CIFAR-10's size, where it is not said how many

Arrays = dict[str, np.ndarray]


class Images(NamedTuple):
    """Arrays to train on and to validate, and what the labels mean."""

    training: Arrays
    validation: Arrays
    names: list[str]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and depth of each image."""
        return self.training["image"].shape[1:]

    @property
    def features(self) -> dict[str, Any]:
        """The features of an Example."""
        integer = tfr.FixedLenFeature([], np.int64)
        image = tfr.RawFeature(self.shape, np.float32)  # the array's bytes as they are
        return {"image": image, **dict.fromkeys(["label", "height", "width", "depth"], integer)}


def load_images(kind: str, count: int | None, validation_ratio: float) -> Images:
    """Return images, float32 ``[n, height, width, depth]`` from 0 to 1, and labels, int64 ``[n]``.

    They are digits of 8 x 8, all or so many, or ten shapes of 32 x 32 in color.
    """
    rng = np.random.default_rng(SEED)
    if kind == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        names = [str(i) for i in range(10)]
        images, labels = digits.images[:count, ..., np.newaxis] / 16, digits.target[:count]
    else:
        names = list(make_pickles.SHAPES)
        labels = rng.integers(0, len(names), count or IMAGES)
        drawn = make_pickles.draw(labels, rng).reshape(-1, 3, 32, 32)
        images = drawn.transpose(0, 2, 3, 1) / 255
    # Shuffled once, here: memory and shards then have one order.
    order = rng.permutation(len(labels))
    arrays = {"image": images[order].astype(np.float32), "label": labels[order].astype(np.int64)}
    for axis, size in enumerate(["height", "width", "depth"]):
        arrays[size] = np.full(len(labels), images.shape[1 + axis])
    cut = len(labels) - round(len(labels) * validation_ratio)
    if not 0 < cut < len(labels):
        raise SystemExit(f"--validation-ratio {validation_ratio} leaves a part without images")
    training = {name: array[:cut] for name, array in arrays.items()}
    return Images(training, {name: array[cut:] for name, array in arrays.items()}, names)


def write(name: Path, arrays: Arrays, features: dict[str, Any]) -> None:
    """Write arrays to the shards of a set, an Example for each row, and read them back."""
    rows = len(arrays["label"])
    with tfr.ShardWriter(
        name, records_per_shard=-(-rows // SHARDS), features=features, overwrite=True
    ) as writer:
        writer.write_many(tfr.encode_examples(arrays, features))
    (found,) = tfr.read_batches(name, features, batch_size=rows)
    for key, array in arrays.items():
        if not np.array_equal(found[key], array):
            raise SystemExit(f"{name}: {key} has changed")
    shards = len(tfr.expand_shards(name))
    print(f"{name}: {writer.records:,} Examples in {shards} shards, equal to the arrays")


def from_memory(arrays: Arrays) -> Any:
    """Return a pipeline over arrays: batches of images and labels."""
    data = tf.data.Dataset.from_tensor_slices((arrays["image"], arrays["label"]))
    return data.batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)


def from_shards(name: Path) -> Any:
    """Return the same over shards; the features are those in the manifest."""
    return make_dataset(
        name, None, batch_size=BATCH_SIZE, map=lambda batch: (batch["image"], batch["label"])
    )


def make_model(shape: tuple[int, int, int]) -> Any:
    """Return a small convolutional network: images to logits of ten classes."""
    tf.keras.utils.set_random_seed(SEED)  # the same weights, and the same dropout, each time
    layers = tf.keras.layers
    images = tf.keras.Input(shape, name="image")
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="conv_1")(images)
    x = layers.MaxPooling2D(name="pool_1")(x)
    x = layers.Conv2D(32, 3, padding="same", activation="relu", name="conv_2")(x)
    x = layers.Dropout(0.2, name="dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    return tf.keras.Model(images, layers.Dense(10, name="logits")(x), name="classifier")


def make_step(model: Any, eager: bool) -> Callable[[Any, Any], Any]:
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

    return step if eager else tf.function(step, reduce_retracing=True)


class Run(NamedTuple):
    """A training: its model, the loss of each step, and the validation of each epoch."""

    model: Any
    losses: list[float]
    validation: tuple[list[float], list[float]]
    """Losses and accuracies."""


def train(data: Any, validation_data: Any, model: Any, epochs: int, eager: bool, name: str) -> Run:
    """Train a model, and validate it at the end of each epoch."""
    step = make_step(model, eager)
    run = Run(model, [], ([], []))
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for epoch in range(1, epochs + 1):
        losses = [float(step(images, labels)) for images, labels in data]
        loss = tf.keras.metrics.Mean()
        accuracy = tf.keras.metrics.SparseCategoricalAccuracy()
        for images, labels in validation_data:
            logits = model(images, training=False)
            loss.update_state(loss_of(labels, logits), tf.size(labels))
            accuracy.update_state(labels, logits)
        run.losses.extend(losses)
        results = float(loss.result()), float(accuracy.result())
        for values, result in zip(run.validation, results, strict=True):
            values.append(result)
        print(
            f"{name}, epoch {epoch}: loss {statistics.fmean(losses):.4f}; validation loss "
            f"{results[0]:.4f}, accuracy {results[1]:.4f}"
        )
    return run


def evaluate(model: Any, data: Any) -> None:
    """Evaluate a model by Keras, with a bar of its progress where there is a terminal."""
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, metrics=[tf.keras.metrics.SparseCategoricalAccuracy("accuracy")])
    loss, accuracy = model.evaluate(data, verbose=1 if sys.stdout.isatty() else 2)
    print(f"evaluation: loss {loss:.4f}, accuracy {accuracy:.4f}")


def time_steps(model_of: Callable[[], Any], images: Any, labels: Any, count: int) -> None:
    """Print the median time of a step, eager and as a graph, without the first.

    The first may make a graph, which is when Python runs the function.
    """
    print(f"executing eagerly: {tf.executing_eagerly()}", end="; ")
    tf.function(lambda: print(f"within a tf.function: {tf.executing_eagerly()}"))()
    medians = []
    for eager in (True, False):
        step = make_step(model_of(), eager)
        seconds = []
        for _ in range(count + 1):
            began = time.perf_counter()
            step(images, labels).numpy()
            seconds.append(time.perf_counter() - began)
        medians.append(statistics.median(seconds[1:]) * 1e3)
    print(f"a step: eager {medians[0]:.2f} ms, tf.function {medians[1]:.2f} ms")


def draw_model(path: Path, model: Any) -> None:
    """Draw a model by Keras, which needs Graphviz's dot; where that is missing, by Matplotlib."""
    try:
        tf.keras.utils.plot_model(model, path, show_shapes=True, show_layer_names=True, dpi=120)
    except ImportError:  # of pydot, and for dot, too
        print(f"{path}: drawn by Matplotlib, as plot_model needs pydot (pip) and Graphviz (apt)")
        draw_layers(path, model)


def draw_layers(path: Path, model: Any) -> None:
    """Draw a model's layers, from the input down."""
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
    axis.set_title(f"{model.name}: layers, shapes of their outputs (n: batch), weights", fontsize=9)
    axis.axis("off")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def compare(output: Path, memory: Run, shards: Run) -> None:
    """Leave the losses of both trainings, and fail if any differs."""
    with (output / "losses.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["step", "memory", "shards"])
        steps = range(1, len(memory.losses) + 1)
        table.writerows(zip(steps, memory.losses, shards.losses, strict=True))
    if memory[1:] != shards[1:]:
        raise SystemExit(f"the losses differ: see {output / 'losses.csv'}")
    print(
        f"{len(memory.losses)} steps from memory and from shards: all losses equal, from "
        f"{memory.losses[0]:.4f} to {memory.losses[-1]:.4f}; {memory.validation[1][-1]:.1%} of "
        "held-out images right"
    )
    lines = {"from memory": memory.losses, "from shards": shards.losses}
    caption = "Trained from memory and from shards: equal, so one line lies on the other"
    plots = {common.MEASURED["loss"]: lines}
    common.draw_curves(output / "losses.png", plots, over="step", caption=caption)
    plots = {
        measured: {"from memory": theirs, "from shards": ours}
        for measured, theirs, ours in zip(
            common.MEASURED.values(), memory.validation, shards.validation, strict=True
        )
    }
    caption = "Validation, trained from memory and from shards: one line lies on the other"
    common.draw_curves(output / "validation.png", plots, over="epoch", caption=caption)


def main() -> None:
    """Do all four."""
    parser = argparse.ArgumentParser(description="Train from memory and from TFRecord shards.")
    parser.add_argument("--output", type=Path, default=Path("from-memory-output"))
    parser.add_argument("--images", choices=["digits", "cifar"], default="digits")
    parser.add_argument("--count", type=int, help="of images; default: all digits, or 2000")
    parser.add_argument("--validation-ratio", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--eager", action="store_true", help="train as Python runs it")
    parser.add_argument("--timed-steps", type=int, default=TIMED_STEPS)
    options = parser.parse_args()
    output: Path = options.output
    common.use_device()
    # Otherwise sums are added up in the order in which threads end.
    tf.config.experimental.enable_op_determinism()

    images = load_images(options.images, options.count, options.validation_ratio)
    write(output / "train", images.training, images.features)
    write(output / "validation", images.validation, images.features)
    show_shapes(tfr.expand_shards(output / "train"), images.shape, BATCH_SIZE)

    train_data = from_shards(output / "train")
    print(f"from shards: {train_data.element_spec}")
    first, labels = next(iter(train_data))
    titles = [images.names[label] for label in labels.numpy()]
    caption = "First images of the training set, read from shards"
    common.draw_samples(
        output / "samples.png", first.numpy(), titles, rows=3, columns=4, caption=caption
    )

    model = make_model(images.shape)
    model.summary()
    draw_model(output / "model.png", model)

    how = options.epochs, options.eager
    data = from_memory(images.training), from_memory(images.validation)
    memory = train(*data, make_model(images.shape), *how, "from memory")
    data = train_data, from_shards(output / "validation")
    shards = train(*data, make_model(images.shape), *how, "from shards")
    compare(output, memory, shards)
    evaluate(shards.model, data[1])
    time_steps(lambda: make_model(images.shape), first, labels, options.timed_steps)
    print(f"pictures: samples.png, model.png, losses.png and validation.png in {output}")


if __name__ == "__main__":
    main()
