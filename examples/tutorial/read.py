"""The reading half of TensorFlow's tutorial on TFRecord and tf.train.Example, with TensorFlow.

    python examples/tutorial/read.py [--output tutorial-output] [--observations 10000]

Reads what write.py wrote with the same options, compares it with what went in, and leaves
images.png.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import common
import numpy as np
import tensorflow as tf
from pictures import KINDS
from write import OBSERVATIONS, generate, make_observations, make_tensors, serialize_example

OBSERVATION = {
    "feature0": tf.io.FixedLenFeature([], tf.int64, default_value=0),
    "feature1": tf.io.FixedLenFeature([], tf.int64, default_value=0),
    "feature2": tf.io.FixedLenFeature([], tf.string, default_value=""),
    "feature3": tf.io.FixedLenFeature([], tf.float32, default_value=0.0),
}
IMAGE = {
    "height": tf.io.FixedLenFeature([], tf.int64),
    "width": tf.io.FixedLenFeature([], tf.int64),
    "depth": tf.io.FixedLenFeature([], tf.int64),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "image_raw": tf.io.FixedLenFeature([], tf.string),
}


def require(holds: bool, otherwise: str) -> None:
    """End with a message and exit code 1 where something does not hold."""
    if not holds:
        raise SystemExit(f"FAILED: {otherwise}")


def require_observations(records: Any, observations: dict[str, np.ndarray], origin: str) -> None:
    """Parse a dataset of records, and compare it with the observations that went in."""
    count = len(observations["feature0"])
    # One more would make another batch.
    batches = records.batch(count).map(lambda batch: tf.io.parse_example(batch, OBSERVATION))
    (found,) = batches.as_numpy_iterator()
    for name, column in observations.items():
        # What is neither bytes nor float32 in an Example is int64.
        kinds = {"S": object, "f": np.float32}
        expected = column.astype(kinds.get(column.dtype.kind, np.int64))
        require(np.array_equal(found[name], expected), f"{origin}: {name} differs")
    print(f"{origin}: {count:,} Examples, equal to what went in")


def read_observations(folder: Path, observations: dict[str, np.ndarray]) -> None:
    """Read the files of observations: raw records, then parsed."""
    raw_dataset = tf.data.TFRecordDataset([str(folder / "test.tfrecord")])
    print(repr(raw_dataset))
    for raw_record in raw_dataset.take(10):
        print(repr(raw_record))

    def parse(record: Any) -> dict[str, Any]:
        return tf.io.parse_single_example(record, OBSERVATION)

    parsed_dataset = raw_dataset.map(parse)
    print(repr(parsed_dataset))
    for parsed_record in parsed_dataset.take(10):
        print(repr(parsed_record))
    require_observations(raw_dataset, observations, "test.tfrecord")
    generated = tf.data.TFRecordDataset([str(folder / "generated.tfrecord")])
    require_observations(generated, observations, "generated.tfrecord")


def make_datasets(observations: dict[str, np.ndarray]) -> None:
    """Make datasets of serialized Examples in tf.data itself: by py_function, and by a generator.

    The Examples are made by the functions of write.py, that is, without TensorFlow.
    """
    print(repr(tf.data.Dataset.from_tensor_slices(observations["feature1"])))
    features_dataset = tf.data.Dataset.from_tensor_slices(tuple(observations.values()))
    print(repr(features_dataset))
    for row in features_dataset.take(1):
        for feature in row:
            print(repr(feature))

    def serialize(*tensors: Any) -> bytes:
        return serialize_example(*(tensor.numpy() for tensor in tensors))

    def tf_serialize_example(*row: Any) -> Any:
        return tf.ensure_shape(tf.py_function(serialize, row, tf.string), ())

    for row in features_dataset.take(1):
        print(repr(tf_serialize_example(*row)))
    serialized_features_dataset = features_dataset.map(tf_serialize_example)
    print(repr(serialized_features_dataset))
    require_observations(serialized_features_dataset, observations, "py_function")
    generated = tf.data.Dataset.from_generator(
        lambda: generate(observations), output_signature=tf.TensorSpec((), tf.string)
    )
    print(repr(generated))
    require_observations(generated, observations, "from_generator")


def read_in_python(path: Path) -> None:
    """Read an Example without knowing its features: as the message that it is."""
    for raw_record in tf.data.TFRecordDataset([str(path)]).take(1):
        example = tf.train.Example()
        example.ParseFromString(raw_record.numpy())
        print(example)
    result = {}
    for name, feature in sorted(example.features.feature.items()):
        kind = feature.WhichOneof("kind")
        result[name] = np.array(getattr(feature, kind).value)
    print(result)


def read_tensors(path: Path) -> None:
    """Read the tensors, each with its dtype."""
    tensors = make_tensors()
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in tensors}
    (record,) = tf.data.TFRecordDataset([str(path)])
    example = tf.io.parse_single_example(record, features)
    for name, array in tensors.items():
        tensor = tf.io.parse_tensor(example[name], tf.as_dtype(array.dtype))
        require(np.array_equal(tensor.numpy(), array), f"tensor {name} differs")
        print(f"{name}: {tensor.dtype.name} {tensor.shape}, equal to what went in")


def read_images(folder: Path) -> None:
    """Read the images, and draw them."""
    images, titles = [], []
    for record in tf.data.TFRecordDataset([str(folder / "images.tfrecord")]):
        example = tf.io.parse_single_example(record, IMAGE)
        image = tf.io.decode_jpeg(example["image_raw"])
        shape = [int(example[name]) for name in ("height", "width", "depth")]
        require(image.shape == shape, f"an image of {image.shape}, not {shape}")
        images.append(image.numpy())
        titles.append(f"{KINDS[example['label']]}, {shape[1]} x {shape[0]}")
    picture = folder / "images.png"
    common.draw_samples(
        picture, images, titles, rows=1, columns=2, caption="Label, width x height in pixels"
    )
    print(f"picture: {picture}")


def main() -> None:
    """Run all steps."""
    parser = argparse.ArgumentParser(description="Read the tutorial's files with TensorFlow.")
    parser.add_argument("--output", type=Path, default=Path("tutorial-output"))
    parser.add_argument("--observations", type=int, default=OBSERVATIONS)
    options = parser.parse_args()
    output: Path = options.output
    observations = make_observations(options.observations)
    common.use_device()
    read_observations(output, observations)
    make_datasets(observations)
    read_in_python(output / "test.tfrecord")
    read_tensors(output / "tensors.tfrecord")
    read_images(output)


if __name__ == "__main__":
    main()
