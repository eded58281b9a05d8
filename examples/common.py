"""What the examples share: the device that TensorFlow uses, and pictures in files.

To be imported before TensorFlow, which looks at the environment when it is imported.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors alone
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def use_device() -> None:
    """Use a GPU where TensorFlow sees one, taking its memory as needed; and say what is used."""
    import tensorflow as tf

    names = []
    for gpu in tf.config.list_physical_devices("GPU"):
        # Otherwise TensorFlow takes all of the GPU's memory at once.
        tf.config.experimental.set_memory_growth(gpu, True)
        names.append(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))
    print(f"TensorFlow {tf.__version__} on {', '.join(f'GPU {name}' for name in names) or 'CPU'}")


def with_weights(network: Any, **options: Any) -> tuple[Any, bool]:
    """Make one of Keras's networks without its top, with ImageNet's weights if these can be had.

    Returns the network, and whether it has them. Keras fetches them once, to ~/.keras.
    """
    socket.setdefaulttimeout(10)  # Keras would wait for minutes
    try:
        return network(weights="imagenet", include_top=False, **options), True
    except Exception as error:  # noqa: BLE001 - Keras raises just that
        print(f"weights=None: ImageNet's cannot be fetched here ({error})")
    finally:
        socket.setdefaulttimeout(None)
    return network(weights=None, include_top=False, **options), False


def pyplot() -> Any:
    """Return Matplotlib's pyplot, which draws to files: there may be no screen."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    return plt


def draw_samples(
    path: Path,
    images: Iterable[Any],
    titles: Iterable[str],
    *,
    rows: int,
    columns: int,
    caption: str = "",
) -> None:
    """Draw a grid of images, each ``[height, width, 3]``, with their titles, under a caption."""
    images, titles = list(images), list(titles)
    lines = 1 + max((title.count("\n") for title in titles), default=0)
    plt = pyplot()
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(2.2 * columns, (2.1 + 0.2 * lines) * rows + 0.4),
        layout="constrained",
        squeeze=False,
    )
    figure.suptitle(caption, fontsize=11, wrap=True)
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image, cmap="gray")  # where there is one color alone
        axis.set_title(title, fontsize=8)
    for axis in axes.flat:
        axis.axis("off")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_curves(
    path: Path, plots: Mapping[str, Mapping[str, Sequence[float]]], over: str, caption: str = ""
) -> None:
    """Draw plots side by side: each what it measures, and lines by name, over 1, 2, 3, ..."""
    plt = pyplot()
    figure, axes = plt.subplots(
        1, len(plots), figsize=(5 * len(plots), 3.9), layout="constrained", squeeze=False
    )
    figure.suptitle(caption, fontsize=11, wrap=True)
    for axis, (measured, lines) in zip(axes.flat, plots.items(), strict=True):
        for place, (name, values) in enumerate(lines.items()):
            # The first is wide, to be seen below a second that is equal.
            style = {
                "linewidth": 1.5 if place else 4,
                "marker": ".",
                "markersize": 5 if place else 11,
            }
            axis.plot(range(1, len(values) + 1), values, label=name, **style)
        axis.set(xlabel=over, ylabel=measured)
        axis.xaxis.get_major_locator().set_params(integer=True)
        last = max(map(len, lines.values()))
        # One epoch alone is a point with nothing beside it.
        axis.set_xlim(0.5 if last == 1 else None, 1.5 if last == 1 else None)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


# What Keras's histories call loss and accuracy, as curves name them.
MEASURED = {"loss": "loss (cross-entropy)", "accuracy": "accuracy (share that is right)"}


def draw_history(path: Path, history: Mapping[str, Sequence[float]], caption: str) -> None:
    """Draw the loss and the accuracy of each epoch, of training and of validation."""
    plots = {
        measured: {"training": history[name], "validation": history[f"val_{name}"]}
        for name, measured in MEASURED.items()
    }
    draw_curves(path, plots, over="epoch", caption=caption)
