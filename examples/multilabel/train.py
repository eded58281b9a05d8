"""Several labels a picture, looked up in two ways or read from shards; VGG16, frozen.

    python examples/multilabel/train.py [--epochs 4] [--size 96] [--steps 10]
    python examples/multilabel/train.py --tutorial

Reads what write_shards.py wrote, and leaves epochs.png, loss_and_accuracy.png and samples.png
beside it. ``--tutorial`` trains for ten epochs on all pictures at 32 x 32, as the tutorial does.
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
from labels import SEED, read_labels, training_count

from tfrecord_lite.tensorflow import make_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

PASSES = 3
EPOCHS, SIZE, STEPS = 4, 96, 10
TUTORIAL_EPOCHS, TUTORIAL_SIZE = 10, 32


def decoder(size: int) -> Callable[[Any], Any]:
    """Return what makes a picture, float32 ``[size, size, 3]``, of a JPEG file's bytes."""

    def decode(data: Any) -> Any:
        return tf.image.resize(tf.io.decode_jpeg(data, channels=3), [size, size])

    return decode


def look_up_in_python(labels: pd.DataFrame) -> Callable[[Any], Any]:
    """Return what finds the labels of a path in the table, by py_function."""

    def look_up(path: Any) -> np.ndarray:
        return labels.loc[os.path.basename(path.numpy().decode())].to_numpy()

    def find(path: Any) -> Any:
        # Python runs one thread at a time, and TensorFlow cannot know what it will return.
        return tf.ensure_shape(tf.py_function(look_up, [path], tf.int64), [len(labels.columns)])

    return find


def look_up_in_graph(labels: pd.DataFrame) -> Callable[[Any], Any]:
    """Return what finds the labels of a path in tables of TensorFlow's own."""
    rows = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(list(labels.index), tf.range(len(labels))),
        default_value=-1,  # tf.gather refuses it
    )
    values = tf.constant(labels.to_numpy())

    def find(path: Any) -> Any:
        name = tf.strings.split(path, os.sep)[-1]
        return tf.gather(values, rows.lookup(name))

    return find


def show_lookups(
    paths: Any, labels: pd.DataFrame, lookups: dict[str, Callable[[Any], Any]]
) -> None:
    """Print what each way of looking labels up finds for the first pictures."""
    for path in paths.take(2):
        name = os.path.basename(path.numpy().decode())
        for origin, find in lookups.items():
            found = find(path).numpy()
            print(f"{name}, labels by {origin}: {found} {' '.join(labels.columns[found == 1])}")


def from_files(paths: Any, find_labels: Callable[[Any], Any], size: int, batch_size: int) -> Any:
    """Return a pipeline that reads each file by itself, and looks its labels up."""
    decode = decoder(size)

    def load(path: Any) -> tuple[Any, Any]:
        return decode(tf.io.read_file(path)), find_labels(path)

    data = paths.map(load, tf.data.AUTOTUNE)
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
    layers = tf.keras.layers
    images = tf.keras.Input([size, size, 3])
    x = base(tf.keras.applications.vgg16.preprocess_input(images))
    x = layers.GlobalAveragePooling2D()(x)
    initializer = tf.keras.initializers.HeNormal(SEED)
    x = layers.Dense(128, activation="relu", kernel_initializer=initializer)(x)
    # Not a softmax: each label is or is not, whatever the others are.
    initializer = tf.keras.initializers.GlorotUniform(SEED)
    x = layers.Dense(labels, activation="sigmoid", kernel_initializer=initializer)(x)
    model = tf.keras.Model(images, x)
    accuracy = tf.keras.metrics.BinaryAccuracy("accuracy")  # of all labels
    model.compile("adam", "binary_crossentropy", metrics=[accuracy])
    return model


def draw_epochs(path: Path, seconds: dict[str, list[float]], pictures: int) -> None:
    """Draw how long the first and the later epochs took, side by side."""
    plt = common.pyplot()
    figure, axis = plt.subplots(figsize=(7, 3.9), layout="constrained")
    width = 0.8 / len(seconds)
    for place, (name, values) in enumerate(seconds.items()):
        at = np.arange(len(values)) + width * place
        bars = axis.bar(at, values, width=width, label=name)
        axis.bar_label(bars, fmt="%.2f", fontsize=8)
    axis.set_xticks(
        np.arange(PASSES) + width * (len(seconds) - 1) / 2,
        [f"epoch {i + 1}{' (from the cache)' if i else ''}" for i in range(PASSES)],
    )
    axis.set(title=f"Reading and decoding {pictures:,} pictures, without training")
    axis.set(ylabel="seconds")
    axis.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def title(image: np.ndarray, mine: np.ndarray, guessed: np.ndarray, names: Any) -> str:
    """Return the shape of a picture, its labels as vector and names, and the names guessed."""
    shape = " x ".join(map(str, image.shape))
    found, guess = " ".join(names[mine == 1]), " ".join(names[guessed]) or "none"
    return f"{shape}, {mine}\n{found}\nguess: {guess}"


def main() -> None:
    """Compare the pipelines, train, and draw what came of it."""
    parser = argparse.ArgumentParser(description="Train VGG16 on pictures of several labels.")
    parser.add_argument("--output", type=Path, default=Path("multilabel-output"))
    parser.add_argument(
        "--pictures", type=Path, help="with labels.csv and images/; default: OUTPUT/pictures"
    )
    parser.add_argument(
        "--tutorial", action="store_true", help="ten epochs of all pictures at 32 x 32"
    )
    parser.add_argument("--epochs", type=int, help="default: 4; the tutorial's 10")
    parser.add_argument("--size", type=int, help="of pictures, in pixels; default: 96; 32")
    parser.add_argument("--steps", type=int, help="batches an epoch; default: 10; all")
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    output: Path = options.output
    folder: Path = options.pictures or output / "pictures"
    epochs = options.epochs or (TUTORIAL_EPOCHS if options.tutorial else EPOCHS)
    size = options.size or (TUTORIAL_SIZE if options.tutorial else SIZE)
    steps = options.steps or (-1 if options.tutorial else STEPS)  # -1: all
    common.use_device()
    tf.keras.utils.set_random_seed(SEED)

    labels = read_labels(folder)
    print(labels.reset_index().head().to_string(index=False))
    # read_labels shuffles, the same each time, as did the writer of the shards.
    paths = tf.data.Dataset.from_tensor_slices([str(folder / "images" / p) for p in labels.index])
    count = training_count(labels)
    training, validation = paths.take(count), paths.skip(count)
    for name, part in {"all": paths, "training": training, "validation": validation}.items():
        print(f"cardinality of {name}: {int(part.cardinality()):,}")

    lookups = {"py_function": look_up_in_python(labels), "hash table": look_up_in_graph(labels)}
    show_lookups(training, labels, lookups)
    pipelines = {
        f"files, {name}": from_files(training, find, size, options.batch_size)
        for name, find in lookups.items()
    }
    pipelines["shards"] = from_shards(output / "train", size, options.batch_size)
    seconds = {name: time_epochs(data) for name, data in pipelines.items()}
    print(f"{f'seconds to read {count:,}':24}{'first epoch':>12}{'later epochs':>14}")
    for name, (first, *later) in seconds.items():
        print(f"{name:24}{first:12.3f}{sum(later) / len(later):14.3f}")
    for data in list(pipelines.values())[:-1]:
        if not are_equal(data, pipelines["shards"]):
            raise SystemExit("the shards do not hold what the files do: run write_shards.py again")
    print("all give equal batches")

    train_data = pipelines["shards"].take(steps)
    validation_data = from_shards(output / "validation", size, options.batch_size)
    model = make_model(len(labels.columns), size)
    history = model.fit(
        train_data,
        validation_data=validation_data,
        epochs=epochs,
        shuffle=False,  # they were shuffled when they were split
        verbose=2,  # a line for each epoch, with its time
    ).history

    images, found = next(iter(validation_data))
    guessed = model.predict(images, verbose=0) > 0.5
    rows = zip(images.numpy(), found.numpy(), guessed, strict=True)
    titles = [title(*row, labels.columns) for row in rows]
    caption = "Pictures of the validation set: shape, labels, and labels guessed"
    common.draw_samples(
        output / "samples.png", images.numpy() / 255, titles, rows=3, columns=3, caption=caption
    )
    draw_epochs(output / "epochs.png", seconds, count)
    caption = f"VGG16, frozen, with a new top: {size} x {size} pixels, {len(labels.columns)} labels"
    common.draw_history(output / "loss_and_accuracy.png", history, caption)
    print(f"pictures: samples.png, epochs.png and loss_and_accuracy.png in {output}")


if __name__ == "__main__":
    main()
