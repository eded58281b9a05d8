"""The values of one record, as tensorflow_datasets gives them."""

from __future__ import annotations

import io
import math
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
# What pictures are whose channels the features do not say, where their values are no intensities.
_DECODED: Final = {"1": "L", "P": "RGB", "CMYK": "RGB"}
# Where a PNG says how many bits a value has: behind its signature, and the size of the picture.
_PNG_DEPTH: Final = 24


class Reading(NamedTuple):
    """The values of one Example, put together as its features say."""

    example: Mapping[str, Value]
    images: bool

    def value(
        self, node: Node, outer: tuple[int | None, ...] = (), *, of_steps: bool = False
    ) -> Any:
        """Return what a feature is, of each of the elements of the sequences it is in.

        ``of_steps``: one of these is a dataset, which is cut into its steps when all is read.
        """
        if node.kind == "dict":
            return {
                key: self.value(child, outer, of_steps=of_steps)
                for key, child in node.children.items()
            }
        if node.kind in ("sequence", "dataset"):
            inside = of_steps or node.kind == "dataset"
            columns = self.value(node.children[""], (*outer, *node.shape), of_steps=inside)
            return columns if of_steps or node.kind == "sequence" else _steps(node, columns)
        if node.kind == "tensor":
            if node.default is not None and not outer and node.name not in self.example:
                sizes = [size or 0 for size in node.shape]
                filled: Any = np.empty(sizes, object if node.dtype is bytes else node.dtype)
                filled[...] = node.default
                return filled[()]
            values, lengths = self._values(node, node.name)
            return _shaped(values, lengths, outer, node)
        if node.kind in ("zlib", "bytes") and node.shape.count(None) > 1:
            strings, lengths = self._values(node, f"{node.name}/value")
            flat = self._values(node, f"{node.name}/shape")[0]
            shapes: Any = np.reshape(flat, (-1, len(node.shape)))
        else:
            strings, lengths = self._values(node, node.name)
            shapes = [tuple(-1 if size is None else size for size in node.shape)] * len(strings)
        pairs = zip(_strings(node, strings), shapes, strict=True)
        elements = [self._decoded(node, string, shape) for string, shape in pairs]
        if not outer:
            if len(elements) != 1:
                raise misfit(node, f"has {len(elements)} values, not 1")
            return elements[0]
        return _gathered(_nested(elements, lengths), node)

    def _values(self, node: Node, key: str) -> tuple[Any, list[Any]]:
        """Return all values of a key, and the lengths of the rows that they are in."""
        example = self.example
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
            return _image(node, string) if self.images else string
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


def _strings(node: Node, values: Any) -> Any:
    if len(values) and not isinstance(values, list):
        raise misfit(node, f"is {values.dtype}, where bytes were expected")
    return values


def _shaped(
    values: Any, lengths: list[list[int]], outer: tuple[int | None, ...], node: Node
) -> Any:
    if node.dtype is bytes:
        array: Any = np.fromiter(_strings(node, values), object, len(values))
    elif isinstance(values, list):
        raise misfit(node, f"is bytes, where {node.dtype} was expected")
    else:
        array = np.asarray(values).astype(node.dtype)
    shape = node.shape if lengths else (*outer, *node.shape)
    sizes = [-1 if size is None else size for size in ((None, *shape) if lengths else shape)]
    if sizes.count(-1) > 1 and not array.size:
        sizes = [0 if size == -1 else size for size in sizes]
    try:
        array = array.reshape(sizes)
    except ValueError:
        raise misfit(node, f"has {array.size} values, where {shape} was expected") from None
    if lengths:
        return _nested(array, lengths)
    return array[()]  # a scalar where there are no dimensions


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
        return np.fromiter(elements, object, len(elements))
    if len({element.shape for element in elements}) > 1:
        return elements
    if elements:
        return np.stack(elements)
    return np.empty((0, *(size or 0 for size in node.shape)), node.dtype)


def _count(columns: Any) -> int:
    while isinstance(columns, dict):
        columns = next(iter(columns.values()), ())
    return len(columns)


def _steps(node: Node, columns: Any) -> list[Any]:
    """Return the elements of a dataset, of whose features these are the columns."""
    child = node.children[""]
    return [_in_steps(child, _row(columns, index)) for index in range(_count(columns))]


def _in_steps(node: Node, row: Any) -> Any:
    """Cut the datasets in one element into their own steps, those in sequences too."""
    if node.kind == "dict":
        return {key: _in_steps(child, row[key]) for key, child in node.children.items()}
    if node.kind == "sequence":
        return _in_steps(node.children[""], row)
    return _steps(node, row) if node.kind == "dataset" else row


def _row(columns: Any, index: int) -> Any:
    if isinstance(columns, dict):
        return {key: _row(column, index) for key, column in columns.items()}
    return columns[index]


def _image(node: Node, content: bytes) -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            "images are decoded by Pillow: pip install 'tfrecord-lite-np[image]', or pass "
            "decode_images=False"
        ) from None
    channels = 4 if node.dtype == np.float32 else node.shape[-1]
    try:
        with Image.open(io.BytesIO(content)) as image:
            form, deep = image.format, image.mode.startswith("I")
            mode = _MODES.get(channels or 0) or _DECODED.get(image.mode, image.mode)
            if not channels and (image.mode, form) == ("P", "PNG") and "transparency" in image.info:
                mode = "RGBA"
            array = np.asarray(image if deep or mode == image.mode else image.convert(mode))
    except Exception as error:  # noqa: BLE001 - Pillow raises any, also ValueError and SyntaxError
        raise misfit(node, f"is no image that Pillow reads: {error}") from None
    if node.dtype == np.float32:
        return np.ascontiguousarray(array).view(np.float32)
    if array.ndim == 2:
        array = array[..., None]
    if deep:
        array = _of_grey(array.astype(np.uint16), channels)
    if deep and node.dtype == np.uint8:
        array = array >> 8
    elif not deep and node.dtype == np.uint16:
        if form == "PNG" and content[_PNG_DEPTH] == 16:
            reason = "has 16 bits and several channels, of which Pillow reads 8 bits"
            raise misfit(node, f"{reason}; pass decode_images=False for its bytes")
        # As TensorFlow: the largest value of a PNG is the largest one still, others are shifted.
        array = array.astype(np.uint16) * (257 if form == "PNG" else 256)
    return array.astype(node.dtype)


def _of_grey(array: Any, channels: int | None) -> Any:
    """Return a grey picture of 16 bits with so many channels, of which the fourth is opacity."""
    if channels not in (3, 4):
        return array
    opaque = np.full_like(array, np.iinfo(array.dtype).max)
    return np.concatenate([array] * 3 + [opaque] * (channels == 4), axis=2)


def misfit(node: Node, reason: str) -> ExampleError:
    return ExampleError(f"feature {quote(node.name)}: {reason}")
