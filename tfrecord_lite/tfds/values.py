"""The values of one record, as tensorflow_datasets gives them."""

from __future__ import annotations

import io
import math
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.quote import quote
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfrecord_lite.example.decode import Value
    from tfrecord_lite.tfds.described import Node

__all__ = ["Reading"]

_MODES: Final = {1: "L", 3: "RGB", 4: "RGBA"}


class Reading:
    """The values of one Example, put together as its features say."""

    def __init__(self, example: Mapping[str, Value], images: bool) -> None:
        self._example = example
        self._images = images

    def value(self, node: Node, outer: tuple[int | None, ...] = ()) -> Any:
        """Return what a feature is, of each of the elements of the sequences it is in."""
        if node.kind == "dict":
            return {key: self.value(child, outer) for key, child in node.children.items()}
        if node.kind == "sequence":
            return self.value(node.children[""], (*outer, *node.shape))
        if node.kind == "dataset":
            columns = self.value(node.children[""], (*outer, *node.shape))
            return [_step(columns, index) for index in range(_count(columns))]
        if node.kind == "tensor":
            values, lengths = self._values(node, node.name)
            return _shaped(values, lengths, outer, node.shape, node)
        if node.kind in ("zlib", "bytes") and node.shape.count(None) > 1:
            strings, lengths = self._values(node, f"{node.name}/value")
            flat = self._values(node, f"{node.name}/shape")[0]
            shapes: Any = np.reshape(flat, (-1, len(node.shape)))
        else:
            strings, lengths = self._values(node, node.name)
            shapes = [tuple(-1 if size is None else size for size in node.shape)] * len(strings)
        pairs = zip(strings, shapes, strict=True)
        elements = [self._decoded(node, string, shape) for string, shape in pairs]
        if not outer:
            if len(elements) != 1:
                raise misfit(node, f"has {len(elements)} values, not 1")
            return elements[0]
        return _gathered(_nested(elements, lengths), node)

    def _values(self, node: Node, key: str) -> tuple[Any, list[Any]]:
        """Return all values of a key, and the lengths of the rows that they are in."""
        example = self._example
        lengths: list[list[int]] = []
        if f"{key}/ragged_flat_values" in example:
            while (name := f"{key}/ragged_row_lengths_{len(lengths)}") in example:
                lengths.append(_numbers(example[name]))
            key = f"{key}/ragged_flat_values"
        values = example.get(key)
        if values is None:
            values = [] if node.dtype is bytes or node.kind != "tensor" else np.empty(0, np.int64)
        return values, lengths

    def _decoded(self, node: Node, string: bytes, shape: Any) -> Any:
        if node.kind == "image":
            return _image(node, string) if self._images else string
        try:
            content = _inflated(string, shape, node) if node.kind == "zlib" else string
            return np.frombuffer(content, node.dtype).reshape(shape).copy()
        except (ValueError, zlib.error, TypeError) as error:
            raise misfit(node, str(error)) from None


def _inflated(string: bytes, shape: Any, node: Node) -> bytes:
    """Inflate a tensor, and no more of what some bytes may hold than it can have."""
    sizes = [int(size) for size in shape]
    wanted = math.prod(sizes) * np.dtype(node.dtype).itemsize
    most = DEFAULT_MAX_RECORD_BYTES if min(sizes, default=0) < 0 else wanted
    stream = zlib.decompressobj()
    content = stream.decompress(string, most + 1)
    if len(content) > most:
        raise ValueError(f"it inflates to more than {most} bytes, which {tuple(sizes)} has")
    if not stream.eof:
        raise ValueError(f"its zlib stream is cut short after {len(content)} bytes")
    return content


def _numbers(values: Value) -> list[int]:
    return [] if values is None else [int(value) for value in values]


def _shaped(
    values: Any,
    lengths: list[list[int]],
    outer: tuple[int | None, ...],
    inner: tuple[int | None, ...],
    node: Node,
) -> Any:
    if node.dtype is bytes:
        array = np.empty(len(values), object)
        array[:] = values
    elif isinstance(values, list):
        raise misfit(node, f"is bytes, where {node.dtype} was expected")
    elif node.dtype.kind == "b":
        array = values != 0
    else:
        array = np.asarray(values).astype(node.dtype)
    shape = inner if lengths else (*outer, *inner)
    sizes = [-1 if size is None else size for size in ((None, *shape) if lengths else shape)]
    if sizes.count(-1) > 1 and not array.size:
        sizes = [0 if size == -1 else size for size in sizes]
    try:
        array = array.reshape(sizes)
    except ValueError:
        raise misfit(node, f"has {array.size} values, where {shape} was expected") from None
    if lengths:
        return _nested(array, lengths)
    return array if array.ndim else array[()]


def _nested(values: Any, lengths: list[list[int]]) -> Any:
    """Cut values into rows of these lengths, the innermost first."""
    for sizes in reversed(lengths):
        ends = np.cumsum([0, *sizes])
        values = [values[begin:end] for begin, end in pairwise(ends)]
    return values


def _gathered(elements: Any, node: Node) -> Any:
    """Make one array of elements of one shape, and of what there is none of; a list of others."""
    if elements and isinstance(elements[0], list):
        return [_gathered(row, node) for row in elements]
    if elements and isinstance(elements[0], bytes):
        array = np.empty(len(elements), object)
        array[:] = elements
        return array
    if len({element.shape for element in elements}) > 1:
        return elements
    if elements:
        return np.stack(elements)
    return np.empty((0, *(size or 0 for size in node.shape)), node.dtype)


def _count(columns: Any) -> int:
    while isinstance(columns, dict):
        columns = next(iter(columns.values()), ())
    return len(columns)


def _step(columns: Any, index: int) -> Any:
    if isinstance(columns, dict):
        return {key: _step(column, index) for key, column in columns.items()}
    return columns[index]


def _image(node: Node, content: bytes) -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            "images are decoded by Pillow: pip install 'tfrecord-lite-np[image]', or pass "
            "decode_images=False"
        ) from None
    try:
        with Image.open(io.BytesIO(content)) as image:
            channels = 4 if node.dtype == np.float32 else node.shape[-1]
            wide = image.mode.startswith("I")
            if not wide and channels in _MODES and image.mode != _MODES[channels]:
                array = np.asarray(image.convert(_MODES[channels]))
            else:
                array = np.asarray(image)
    except Exception as error:  # noqa: BLE001 - Pillow raises any, also ValueError and SyntaxError
        raise misfit(node, f"is no image that Pillow reads: {error}") from None
    if node.dtype == np.float32:
        return np.ascontiguousarray(array).view(np.float32)
    array = array.astype(node.dtype)
    return array[..., None] if array.ndim == 2 else array


def misfit(node: Node, reason: str) -> ExampleError:
    return ExampleError(f"feature {quote(node.name)}: {reason}")
