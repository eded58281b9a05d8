"""Records as JSON for the page: what is in them, cut to what anybody looks at.

Whatever a record holds, what is sent of it is bounded: names, values, texts and their number.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.description.content import content_of, media_type
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.decode import Value, decode_example
from tfrecord_lite.example.other_messages import is_sequence_example, name_of_other
from tfrecord_lite.example.sequence import decode_sequence_example
from tfrecord_lite.example.tensor import parse_tensor
from tfrecord_lite.text import unicode_text
from tfrecord_lite.view.many_features import first_features
from tfrecord_lite.view.pictures import guess_shape

if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = [
    "Content",
    "Cut",
    "cut_text",
    "exact_number",
    "read_content",
    "shown_card",
    "shown_record",
    "tensor_in",
]

_NAME_CHARACTERS: Final = 200
_EXACT: Final = 1 << 53
_POINTS: Final = 400
_HEX_BYTES: Final = 64
_SHAPES: Final[tuple[tuple[str, ...], ...]] = (
    ("height", "rows"),
    ("width", "cols"),
    ("channels", "depth"),
)
_PICTURES: Final = ("image", "img", "pixel", "picture", "mask", "depth", "raw")


class Cut(NamedTuple):
    """How much of a record is shown: features, steps, values of each, characters of a text."""

    features: int
    steps: int
    values: int
    characters: int


_CARD: Final = Cut(24, 4, 8, 160)
_RECORD: Final = Cut(200, 64, 200, 20_000)
# Where there are many strings, or steps, each is cut shorter.
_MANY: Final = 16
_CHARACTERS_OF_MANY: Final = 400


class Content(NamedTuple):
    """What is in a record: features by name, and feature lists where it is a SequenceExample."""

    kind: str
    features: dict[str, Value]
    lists: dict[str, list[Value]]
    cut: bool = False

    def value(self, part: str, which: int, step: int) -> Value:
        """Return a feature by its place; IndexError where there is none."""
        if part == "lists":
            return list(self.lists.values())[which][step]
        return list(self.features.values())[which]


def read_content(data: bytes) -> Content:
    """Return what is in a record; of what is no Example the kind alone.

    >>> read_content(b"opaque").kind
    'text'
    """
    if not data:
        return Content("an empty record", {}, {})
    few = first_features(data)
    if few is not None:
        return read_content(few)._replace(cut=True)
    try:
        if is_sequence_example(data):
            return Content("SequenceExample", *decode_sequence_example(data))
        return Content("Example", decode_example(data), {})
    except ExampleError:
        return Content(name_of_other(data), {}, {})


def shown_card(data: bytes) -> dict[str, Any]:
    """Return what the grid shows of a record."""
    return _shown(data, _CARD, 0)


def shown_record(data: bytes, begin: int = 0) -> dict[str, Any]:
    """Return what is shown of a record by itself, its features from the one at ``begin`` on."""
    return _shown(data, _RECORD, begin)


def _shown(data: bytes, cut: Cut, begin: int) -> dict[str, Any]:
    content = read_content(data)
    shape = _shape_in(content.features)
    parts: list[tuple[str, str, Any]] = [("features", *item) for item in content.features.items()]
    parts += [("lists", *item) for item in content.lists.items()]
    shown = []
    for at, (part, name, value) in enumerate(parts[begin : begin + cut.features], begin):
        if part == "features":
            found = _feature(name, value, cut, shape)
            found |= {"part": part, "at": at}
        else:
            found = _feature_list(value, cut, shape)
            found |= {"part": part, "at": at - len(content.features)}
        shown.append({"name": cut_text(name, _NAME_CHARACTERS), **found})
    result: dict[str, Any] = {
        "bytes": len(data),
        "kind": content.kind,
        "features": shown,
        "all_features": len(parts),
        "more": content.cut,
    }
    if not parts and data and content.kind != "Example":
        result["raw"] = _bytes(data, cut.characters, None)
    return result


def _feature(name: str, value: Any, cut: Cut, shape: str | None) -> dict[str, Any]:
    found = {"kind": _kind_of(value), "count": 0 if value is None else len(value)}
    if isinstance(value, list):
        characters = cut.characters if len(value) <= _MANY else _CHARACTERS_OF_MANY
        found["values"] = [_bytes(item, characters, shape) for item in value[: cut.values]]
    if not isinstance(value, np.ndarray):
        return found
    found["values"] = _numbers(value[: cut.values])
    if len(value) > 3:
        found["plot"] = _plot(value)
    picture = shape if shape and _count_of(shape) == len(value) else None
    if picture is None and any(word in name.lower() for word in _PICTURES):
        picture = guess_shape(len(value))
    if picture is not None:
        found["picture"] = picture
    return found


def _feature_list(steps: list[Value], cut: Cut, shape: str | None) -> dict[str, Any]:
    counts = [0 if step is None else len(step) for step in steps]
    found: dict[str, Any] = {
        "steps": len(steps),
        "counts": [min(counts, default=0), max(counts, default=0)],
        "kind": next((_kind_of(step) for step in steps if step is not None), "none"),
        "count": sum(counts),
    }
    numbers: list[Any] = [step for step in steps if isinstance(step, np.ndarray)]
    if len(numbers) == len(steps) > 0:
        if found["counts"] == [1, 1]:
            found["values"] = _numbers(np.concatenate(numbers)[: cut.values])
            found["plot"] = _plot(np.concatenate(numbers))
            return found
        if counts[0] == found["counts"][0] == found["counts"][1] and len(steps) > 1:
            found["heatmap"] = True
        else:
            found["plot"] = _plot(np.array(counts))
            found["plotted"] = "values in each step"
    short = cut._replace(values=min(cut.values, 8), characters=min(cut.characters, 400))
    found["each"] = [_feature("", step, short, shape) for step in steps[: cut.steps]]
    return found


def _kind_of(value: Value) -> str:
    if isinstance(value, list):
        return "bytes"
    return "none" if value is None else value.dtype.name


def _bytes(data: bytes, characters: int, shape: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"size": len(data), "content": str(content_of(data))}
    media = media_type(data)
    if media is not None:
        found["media"] = media
        return found
    if found["content"] in ("UTF-8 text", "JSON"):
        text = data[: 4 * characters].decode("utf-8", "ignore")
        found["text"] = text[:characters]
        found["cut"] = len(data) > 4 * characters or len(text) > characters
        return found
    found["hex"] = data[:_HEX_BYTES].hex(" ")
    tensor = tensor_in(data) if found["content"].startswith("TensorProto") else None
    if tensor is not None:
        if tensor.dtype.kind in "iuf" and tensor.size > 2:
            found["plot"] = _plot(tensor.reshape(-1))
            if tensor.ndim in (2, 3):
                found["picture"] = "tensor"
    elif found["content"] == "raw bytes":
        picture = shape if shape and len(data) % _count_of(shape) == 0 else guess_shape(len(data))
        if picture is not None and len(data) // _count_of(picture) in (1, 2, 4, 8):
            found["picture"] = picture
    return found


def tensor_in(data: bytes) -> Any:
    """Return the array of numbers in a serialized TensorProto; None where there is none."""
    try:
        tensor = parse_tensor(data)
    except (ValueError, TypeError):
        return None
    return tensor if tensor.dtype.kind in "iufb" else None


def _shape_in(features: Mapping[str, Value]) -> str | None:
    """Return the shape of a picture that the features of a record tell: height, width, channels."""
    sizes = []
    for words in _SHAPES:
        found = None
        for name, value in features.items():
            last = name.lower().replace("_", "/").rpartition("/")[2]
            if last in words and isinstance(value, np.ndarray) and len(value) == 1:
                found = value[0]
        if found is None and "channels" in words:
            found = 1
        if found is None or not 0 < found < 1 << 16 or found != int(found):
            return None
        sizes.append(int(found))
    return "x".join(map(str, sizes))


def _count_of(shape: str) -> int:
    return math.prod(map(int, shape.split("x")))


def _numbers(values: Any) -> list[Any]:
    """Return numbers as JSON has them, and those that it, or JavaScript, has not as strings."""
    if values.dtype.kind == "f":
        return [float(str(one)) if math.isfinite(one) else str(one) for one in values]
    return [exact_number(one) for one in values.tolist()]


def exact_number(value: Any) -> Any:
    """Return a value as it is, or a whole number that JavaScript would round as a string."""
    return value if not isinstance(value, int) or -_EXACT < value < _EXACT else str(value)


def _plot(values: Any) -> dict[str, Any]:
    """Return the values to be drawn; of many the least and the largest of so many."""
    values = np.asarray(values, np.float64)
    if len(values) <= _POINTS:
        return {"points": [one if math.isfinite(one) else None for one in values.tolist()]}
    begins = np.linspace(0, len(values), _POINTS, endpoint=False).astype(np.int64)
    finite = np.isfinite(values)
    low = np.minimum.reduceat(np.where(finite, values, np.inf), begins)
    high = np.maximum.reduceat(np.where(finite, values, -np.inf), begins)
    some = low <= high
    return {
        "low": [one if there else None for one, there in zip(low.tolist(), some, strict=True)],
        "high": [one if there else None for one, there in zip(high.tolist(), some, strict=True)],
    }


def cut_text(text: str, most: int = 500) -> str:
    """Return a text that JSON takes, no longer than that."""
    text = unicode_text(text)
    return text if len(text) <= most else text[: most - 1] + "…"
