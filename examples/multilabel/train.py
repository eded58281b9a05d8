"""Several labels a picture, looked up in Python or read from shards; VGG16, frozen.

    python examples/multilabel/train.py [--epochs 4] [--size 96]

Reads what write_shards.py wrote, and leaves epochs.png, loss_and_accuracy.png and samples.png
beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import common
import numpy as np
import tensorflow as tf
from labels import SEED, read_labels, split

from tfrecord_lite.tensorflow import make_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

PASSES = 3


def decoder(size: int) -> Callable[[Any], Any]:
    """Return what makes a picture, float32 ``[size, size, 3]``, of a JPEG file's bytes."""

    def decode(data: Any) -> Any:
        return tf.image.resize(tf.io.decode_jpeg(data, channels=3), [size, size])

    return decode


def from_files(
    folder: Path, pictures: list[str], labels: dict[str, np.ndarray], size: int, batch_size: int
) -> Any:
    """Return a pipeline that reads each file by itself, and asks Python for its labels."""
    decode = decoder(size)
    count = len(labels[pictures[0]])

    def look_up(path: Any) -> np.ndarray:
        return labels[os.path.basename(path.numpy().decode())]

    def load(path: Any) -> tuple[Any, Any]:
        # Python runs one thread at a time, and TensorFlow cannot know what it will return.
        found = tf.ensure_shape(tf.py_function(look_up, [path], tf.int64), [count])
        return decode(tf.io.read_file(path)), found

    paths = [str(folder / picture) for picture in pictures]
    data = tf.data.Dataset.from_tensor_slices(paths).map(load, tf.data.AUTOTUNE)
    return data.batch(batch_size).cache().prefetch(tf.data.AUTOTUNE)


def from_shards(name: Path, size: int, batch_size: int) -> Any:
    """Return a pipeline over the shards of a set, in which labels lie beside their pictures."""
    decode = decoder(size)

    def load(batch: dict[str, Any]) -> tuple[Any, Any]:
        return tf.map_fn(decode, batch["image"], fn_output_signature=tf.float32), batch["labels"]

    # None: the features are those in the manifest.
    data = make_dataset(name, None, batch_size=batch_size).map(load, tf.data.AUTOTUNE)
    return data.cache().prefetch(tf.data.AUTOTUNE)


def time_epochs(data: Any) -> list[float]:
    """Return how many seconds each of some passes over a dataset takes."""
    seconds = []
    for _ in range(PASSES):
        began = time.perf_counter()
        for _ in data:
            pass
        seconds.append(time.perf_counter() - began)
    return seconds


def are_equal(one: Any, other: Any) -> bool:
    """Tell whether two datasets have the same batches."""
    batches = zip(one.as_numpy_iterator(), other.as_numpy_iterator(), strict=True)
    return all(
        np.array_equal(images, other_images) and np.array_equal(labels, other_labels)
        for (images, labels), (other_images, other_labels) in batches
    )


def make_model(labels: int, size: int) -> Any:
    """Return VGG16, frozen, and on top what learns: pictures to the probability of each label."""
    base, _ = common.with_weights(tf.keras.applications.VGG16, input_shape=[size, size, 3])
    base.trainable = False
    images = tf.keras.Input([size, size, 3])
    x = tf.keras.applications.vgg16.preprocess_input(images)
    x = tf.keras.layers.Flatten()(base(x))
    x = tf.keras.layers.Dense(128, activation="relu")(x)
    # Not a softmax: each label is or is not, whatever the others are.
    model = tf.keras.Model(images, tf.keras.layers.Dense(labels, activation="sigmoid")(x))
    accuracy = tf.keras.metrics.BinaryAccuracy("accuracy")  # of all labels
    model.compile("adam", "binary_crossentropy", metrics=[accuracy])
    return model


def draw_epochs(path: Path, seconds: dict[str, list[float]]) -> None:
    """Draw how long the first and the later epochs took, side by side."""
    plt = common.pyplot()
    figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for place, (name, values) in enumerate(seconds.items()):
        axis.bar(np.arange(len(values)) + 0.4 * place, values, width=0.4, label=name)
    axis.set_xticks(np.arange(PASSES) + 0.2, [f"epoch {i + 1}" for i in range(PASSES)])
    axis.set(title="Reading all pictures; from the second epoch on, from memory", ylabel="seconds")
    axis.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Compare the two pipelines, train, and draw what came of it."""
    parser = argparse.ArgumentParser(description="Train VGG16 on pictures of several labels.")
    parser.add_argument("--output", type=Path, default=Path("multilabel-output"))
    parser.add_argument("--pictures", type=Path, help="with labels.csv; default: OUTPUT/pictures")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--size", type=int, default=96, help="of pictures, in pixels")
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    output: Path = options.output
    folder: Path = options.pictures or output / "pictures"
    common.use_device()
    tf.keras.utils.set_random_seed(SEED)

    names, labels = read_labels(folder / "labels.csv")
    training, _ = split(list(labels))
    both = {
        "files and py_function": from_files(
            folder, training, labels, options.size, options.batch_size
        ),
        "shards": from_shards(output / "train", options.size, options.batch_size),
    }
    seconds = {name: time_epochs(data) for name, data in both.items()}
    print(f"{'seconds to read':24}{'first epoch':>12}{'later epochs':>14}")
    for name, (first, *later) in seconds.items():
        print(f"{name:24}{first:12.3f}{sum(later) / len(later):14.3f}")
    if not are_equal(*both.values()):
        raise SystemExit("the shards do not hold what the files do: run write_shards.py again")
    print("both give equal batches")

    train_data = both["shards"]
    validation_data = from_shards(output / "validation", options.size, options.batch_size)
    model = make_model(len(names), options.size)
    history = model.fit(
        train_data,
        validation_data=validation_data,
        epochs=options.epochs,
        shuffle=False,  # they were shuffled when they were split
        verbose=2,  # a line for each epoch
    ).history

    images, found = next(iter(validation_data))
    guessed = model.predict(images, verbose=0) > 0.5
    titles = [
        " ".join(names[i] for i in np.flatnonzero(mine))
        + "\nguess: "
        + " ".join(names[i] for i in np.flatnonzero(guess))
        for mine, guess in zip(found.numpy(), guessed, strict=True)
    ]
    common.draw_samples(output / "samples.png", images.numpy() / 255, titles, rows=3, columns=3)
    draw_epochs(output / "epochs.png", seconds)
    plots = {
        name: {"training": history[name], "validation": history[f"val_{name}"]}
        for name in ("loss", "accuracy")
    }
    common.draw_curves(output / "loss_and_accuracy.png", plots, over="epoch")
    print(f"pictures: samples.png, epochs.png and loss_and_accuracy.png in {output}")


if __name__ == "__main__":
    main()
