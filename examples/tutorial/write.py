"""The writing half of TensorFlow's tutorial on TFRecord and tf.train.Example, without TensorFlow.

    python examples/tutorial/write.py [--output tutorial-output] [--observations 10000]

The import is what differs. It leaves the files that read.py reads, with TensorFlow.
"""

from __future__ import annotations

import argparse
import enum
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from pictures import KINDS, draw_animal

import tfrecord_lite.compat as tf

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 50
OBSERVATIONS = 10_000
ANIMALS = np.array([b"cat", b"dog", b"chicken", b"horse", b"goat"])

Observation = tuple[bool, int, bytes, float]


# --- A feature of one value -------------------------------------------------------------------


def bytes_feature(value: Any) -> Any:
    """Make a feature of a byte string, or of a tensor of one."""
    if isinstance(value, type(tf.constant(0))):
        value = value.numpy()  # TensorFlow's BytesList takes no tensor; that of compat does
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def float_feature(value: float) -> Any:
    """Make a feature of a float or a double."""
    return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))


def int64_feature(value: int) -> Any:
    """Make a feature of a bool, an enum, or an integer of any width and sign.

    The tutorial does so with a bool, too: TensorFlow with today's protobuf refuses it.
    """
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


class Size(enum.IntEnum):
    """An enum, to be coerced."""

    SMALL = 1
    LARGE = 2


def show_scalars() -> None:
    """Print the feature that each kind of scalar becomes."""
    features = {
        "bytes": bytes_feature(b"test_string"),
        "str, encoded": bytes_feature("tést_bytes".encode()),
        "tensor of a string": bytes_feature(tf.constant(b"test_tensor")),
        "float": float_feature(np.exp(1)),
        "np.float32": float_feature(np.float32(0.5)),
        "np.float64": float_feature(np.float64(0.1)),
        "bool": int64_feature(True),
        "np.bool_": int64_feature(np.bool_(False)),
        "enum": int64_feature(Size.LARGE),
        "int": int64_feature(1),
        "np.int32": int64_feature(np.int32(-2)),
        "np.uint32": int64_feature(np.uint32(3)),
        "np.int64": int64_feature(np.int64(-4)),
        "np.uint64": int64_feature(np.uint64(5)),
    }
    for kind, feature in features.items():
        print(f"{kind:20}{' '.join(str(feature).split()):50}{feature.SerializeToString()!r}")


# --- Examples, and files of them --------------------------------------------------------------


def make_observations(count: int) -> dict[str, np.ndarray]:
    """Return features of made-up observations: bool, int64, bytes and float64, ``[count]``."""
    rng = np.random.default_rng(SEED)
    feature1 = rng.integers(0, 5, count)
    return {
        "feature0": rng.choice([False, True], count),
        "feature1": feature1,
        "feature2": ANIMALS[feature1],
        "feature3": rng.normal(size=count),
    }


def serialize_example(feature0: Any, feature1: Any, feature2: Any, feature3: Any) -> bytes:
    """Make an Example of an observation, ready to be written to a file."""
    feature = {
        "feature0": int64_feature(feature0),
        "feature1": int64_feature(feature1),
        "feature2": bytes_feature(feature2),
        "feature3": float_feature(feature3),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString()


def generate(observations: dict[str, np.ndarray]) -> Iterator[bytes]:
    """Generate the Examples of observations, one after the other."""
    for row in zip(*observations.values(), strict=True):
        yield serialize_example(*row)


def write_observations(folder: Path, count: int) -> None:
    """Write all observations in a loop, and again from a generator."""
    observations = make_observations(count)
    serialized = serialize_example(False, 4, b"goat", 0.9876)
    print(f"an Example of {len(serialized)} bytes: {serialized!r}")
    print(f"and read again:\n{tf.train.Example.FromString(serialized)}")

    with tf.io.TFRecordWriter(str(folder / "test.tfrecord")) as writer:
        for i in range(count):
            row = [column[i] for column in observations.values()]
            writer.write(serialize_example(*row))
    with tf.io.TFRecordWriter(str(folder / "generated.tfrecord")) as writer:
        for record in generate(observations):
            writer.write(record)
    print(f"wrote {count:,} Examples, in a loop and from a generator")


# --- What is no scalar ------------------------------------------------------------------------


def make_tensors() -> dict[str, np.ndarray]:
    """Return arrays of several shapes and dtypes."""
    return {
        "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
        "cube": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "words": np.array([[b"a", b"bc"], [b"", b"\xff"]], object),
    }


def write_tensors(path: Path) -> None:
    """Write an Example of arrays, each as the bytes of a tensor."""
    feature = {
        name: bytes_feature(tf.io.serialize_tensor(array)) for name, array in make_tensors().items()
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(example.SerializeToString())
    print(f"wrote the tensors {', '.join(feature)}")


def image_example(image: bytes, label: int) -> Any:
    """Make an Example of a JPEG file and what is on it."""
    height, width, depth = tf.io.decode_jpeg(image).shape
    feature = {
        "height": int64_feature(height),
        "width": int64_feature(width),
        "depth": int64_feature(depth),
        "label": int64_feature(label),
        "image_raw": bytes_feature(image),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature))


def write_images(folder: Path) -> None:
    """Draw pictures, which the tutorial downloads, and write them as they lie in their files."""
    rng = random.Random(SEED)
    with tf.io.TFRecordWriter(str(folder / "images.tfrecord")) as writer:
        for label, kind in enumerate(KINDS):
            path = folder / f"{kind}.jpg"
            draw_animal(kind, {"night"}, rng).save(path, quality=95)
            example = image_example(path.read_bytes(), label)
            writer.write(example.SerializeToString())
            print(f"Example of {path.name}:")
            for line in str(example).splitlines():
                print(line if len(line) < 80 else f"{line[:76]} ...")  # the picture's bytes
    print(f"wrote the images {', '.join(KINDS)}")


def show_sizes(folder: Path) -> None:
    """Print the size of each file."""
    for path in sorted([*folder.glob("*.tfrecord"), *folder.glob("*.jpg")]):
        print(f"{path.stat().st_size:10,} bytes  {path}")


def main() -> None:
    """Run all steps."""
    parser = argparse.ArgumentParser(description="Write the tutorial's files.")
    parser.add_argument("--output", type=Path, default=Path("tutorial-output"))
    parser.add_argument("--observations", type=int, default=OBSERVATIONS)
    options = parser.parse_args()
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    show_scalars()
    write_observations(output, options.observations)
    write_tensors(output / "tensors.tfrecord")
    write_images(output)
    show_sizes(output)
    print(f"TensorFlow was imported: {'tensorflow' in sys.modules}")


if __name__ == "__main__":
    main()
