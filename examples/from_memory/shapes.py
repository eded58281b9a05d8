"""What is known of an image's shape, from a record's bytes to a batch: eagerly, and in a graph.

Eagerly each tensor has a shape. A graph is made before there are values, so there only that is
known which follows from constants; a model whose last layer is Dense has to know more.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

FEATURES = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "height": tf.io.FixedLenFeature([], tf.int64),
    "width": tf.io.FixedLenFeature([], tf.int64),
    "depth": tf.io.FixedLenFeature([], tf.int64),
}


def show_shapes(files: list[str], shape: tuple[int, int, int], batch_size: int) -> None:
    """Print the shape of an image after each step, eagerly and in a graph, and of batches."""

    def steps(record: Any) -> dict[str, Any]:
        example = tf.io.parse_single_example(record, FEATURES)
        values = tf.io.decode_raw(example["image"], tf.float32)
        sizes = tf.stack([example["height"], example["width"], example["depth"]])
        image = tf.reshape(values, sizes)
        return {
            "the bytes in the Example": example["image"],
            "decode_raw": values,
            "reshape to the sizes in the Example": image,
            "the same, after ensure_shape": tf.ensure_shape(image, shape),
            "reshape to constants": tf.reshape(values, shape),
        }

    records = tf.data.TFRecordDataset(files)
    eager = steps(next(iter(records)))
    images = records.map(steps)  # the function runs once, to make a graph
    print(f"{'shape of an image':38}{'eagerly':14}in a graph")
    for name, known in images.element_spec.items():
        print(f"{name:38}{eager[name].shape!s:14}{known.shape}")

    last = images.map(lambda image: image["reshape to constants"])
    print(f"batch({batch_size}): {last.batch(batch_size).element_spec.shape}")
    whole = last.batch(batch_size, drop_remainder=True)
    print(f"batch({batch_size}, drop_remainder=True): {whole.element_spec.shape}")

    @tf.function(input_signature=[images.element_spec["reshape to the sizes in the Example"]])
    def ask(image: Any) -> Any:
        print(f"in a graph image.shape is {image.shape}", end=", ")
        return tf.shape(image)

    found = ask(eager["reshape to the sizes in the Example"])
    print(f"but tf.shape(image) will be {tuple(found.numpy().tolist())}")

    layers = tf.keras.layers
    unknown = tf.keras.Input([None, None, shape[-1]])
    try:
        layers.Dense(10)(layers.Flatten()(unknown))
    except ValueError as error:
        reason = str(error).splitlines()[0]
        print(f"Dense after images of unknown sizes: ValueError: {reason}")
    pooled = layers.GlobalAveragePooling2D()(unknown)
    print(f"after GlobalAveragePooling2D, {pooled.shape}: {layers.Dense(10)(pooled).shape}")
