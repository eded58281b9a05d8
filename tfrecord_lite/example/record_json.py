"""What a record holds, and its form as JSON.

One record is one JSON object, on one line, in ASCII::

    {"features": {"label": {"int64_list": [7]}, "name": {"bytes_list": ["seven"]}}}
    {"context": {...}, "feature_lists": {"frames": [{"bytes_list": [...]}, ...]}}
    {"raw": "b3BhcXVl"}

The kind is always said, since the same value can be of any; ``{}`` is a feature with no kind. A
bytes value that is valid UTF-8 is a string, any other ``{"base64": "..."}``. int64 values are
exact, floats the shortest number that gives the float32 back, and the three that JSON lacks are the
strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``. A record that this form cannot hold whole,
since it is no Example or has fields that an Example does not know, is ``raw``: its bytes in base64.
So all that protobuf reads in a record is there, but for the sign and payload of a NaN.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfrecord_lite.example.decode import Value, decode_example
from tfrecord_lite.example.floats import SMALLEST, as_float32
from tfrecord_lite.example.sequence import decode_sequence_example
from tfrecord_lite.example.wire import varint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.message import Message


__all__ = ["Payload", "bytes_json", "is_record_json", "kind_of", "read_payload", "record_of"]

_KINDS = ("bytes_list", "float_list", "int64_list")
_FORMS = ({"features"}, {"context", "feature_lists"}, {"raw"})


class Payload(NamedTuple):
    """A record's content: ``kind`` is ``"example"``, ``"sequence_example"`` or ``"raw"``."""

    kind: str
    data: bytes
    features: dict[str, Value]
    feature_lists: dict[str, list[Value]]

    def to_json(self) -> dict[str, Any]:
        """Return the form that the top of this file describes."""
        if self.kind == "raw":
            return {"raw": _base64(self.data)}
        features = {name: _feature(value) for name, value in self.features.items()}
        if self.kind == "example":
            return {"features": features}
        lists = {
            name: [_feature(value) for value in rows] for name, rows in self.feature_lists.items()
        }
        return {"context": features, "feature_lists": lists}


def read_payload(data: bytes) -> Payload:
    """Find out what a record is.

    >>> read_payload(b"opaque").to_json()
    {'raw': 'b3BhcXVl'}
    """
    from tfrecord_lite.example.messages import Example, SequenceExample

    if _holds_whole(Example, data):
        return Payload("example", data, decode_example(data), {})
    if _holds_whole(SequenceExample, data):
        return Payload("sequence_example", data, *decode_sequence_example(data))
    return Payload("raw", data, {}, {})


def kind_of(value: Value) -> str:
    """Return the name of the field that holds a feature's value, or ``"none"``."""
    if value is None:
        return "none"
    if isinstance(value, list):
        return "bytes_list"
    return "float_list" if value.dtype == np.float32 else "int64_list"


def _holds_whole(message_class: type[Message], data: bytes) -> bool:
    """Tell whether ``data`` is such a message, with no field in it that is unknown there."""
    from google.protobuf.message import DecodeError

    message = message_class()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return False
    size = message.ByteSize()
    message.DiscardUnknownFields()  # type: ignore[no-untyped-call, unused-ignore]
    return message.ByteSize() == size


def _feature(value: Value) -> dict[str, Any]:
    kind = kind_of(value)
    return {} if kind == "none" else {kind: _TO_JSON[kind](value)}


def bytes_json(value: bytes) -> str | dict[str, str]:
    """Return bytes as JSON has them: text, or base64 where they are no UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": _base64(value)}


def _float(value: np.float32) -> float | str:
    if math.isfinite(value):
        # The text of a float32 has the fewest digits that tell it from its neighbours.
        return float(str(value))
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def is_record_json(found: Any) -> bool:
    """Tell whether something is a record in the form that the top of this file describes.

    >>> is_record_json({"features": {"label": {"int64_list": [7]}}}), is_record_json({"label": 7})
    (True, False)
    """
    if not isinstance(found, dict) or set(found) not in _FORMS:
        return False
    return isinstance(found.get("raw", ""), str) and all(
        isinstance(found.get(key, {}), dict) for key in ("features", "context", "feature_lists")
    )


def record_of(found: Mapping[str, Any]) -> bytes:
    """Return the record that has this form: that of which `Payload.to_json` made it.

    It has the same bytes where these were as `encode_example` would write features in this order.
    ValueError for what is of another form, naming the feature, and for a float that would become
    infinite or 0.

    >>> record_of(read_payload(b"opaque").to_json())
    b'opaque'
    """
    if not is_record_json(found):
        raise ValueError("no record: expected features, context and feature_lists, or raw")
    if "raw" in found:
        try:
            return _unbase64(found["raw"])
        except ValueError as error:
            raise ValueError(
                f"raw: no base64 ({error}); an object of raw alone is a record's bytes, so a row "
                "with one column of that name needs another name"
            ) from None
    if "features" in found:
        return _field(b"\x0a", _features(found["features"]))
    lists = [_entry(name, _steps(name, steps)) for name, steps in found["feature_lists"].items()]
    return _field(b"\x0a", _features(found["context"])) + _field(b"\x12", b"".join(lists))


def _steps(name: str, steps: Any) -> bytes:
    if not isinstance(steps, list):
        kind = type(steps).__name__
        raise ValueError(  # noqa: TRY004 - of what is in a file
            f"feature list {name!r}: a list of steps, not {kind}"
        )
    return b"".join(_field(b"\x0a", _encoded(name, step)) for step in steps)


def _features(features: Mapping[str, Any]) -> bytes:
    return b"".join(_entry(name, _encoded(name, value)) for name, value in features.items())


def _entry(name: str, value: bytes) -> bytes:
    return _field(b"\x0a", _field(b"\x0a", name.encode()) + _field(b"\x12", value))


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content


def _encoded(name: str, value: Any) -> bytes:
    """Return a Feature, of ``{KIND: [VALUES]}`` or ``{}``."""
    from tfrecord_lite.example.messages import Feature

    feature = Feature()
    kind = next(iter(value), None) if isinstance(value, dict) and len(value) < 2 else ""
    if kind is not None:
        if kind not in _KINDS or not isinstance(value[kind], list):
            raise ValueError(f"feature {name!r}: expected one of {', '.join(_KINDS)} with a list")
        held = getattr(feature, kind)
        held.SetInParent()
        try:
            values = list(map(_FROM_JSON[kind], value[kind]))
            if kind == "float_list" and not all(map(_is_ordinary, values)):
                values = as_float32(values).tolist()
            held.value.extend(values)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"feature {name!r}: {error}") from None
    content: bytes = feature.SerializeToString()
    return content


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, dict) and set(value) == {"base64"}:
        return _unbase64(value["base64"])
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is neither a string nor base64")
    return value.encode()


def _float_of(value: Any) -> int | float:
    if isinstance(value, bool) or not (isinstance(value, (int, float)) or value in _NO_NUMBERS):
        raise TypeError(f"{value!r} is no float")
    return float(value) if isinstance(value, str) else value


def _is_ordinary(value: float) -> bool:
    """Tell, sooner than NumPy does of a few, that float32 is near to a number, and is not 0."""
    return SMALLEST < abs(value) < _LARGE or value == 0


def _int_of(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no integer")
    return value


def _unbase64(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no base64")
    return base64.b64decode(text, validate=True)


_LARGE = 1e38
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
_TO_JSON: dict[str, Callable[[Any], list[Any]]] = {
    "bytes_list": lambda values: list(map(bytes_json, values)),
    "float_list": lambda values: list(map(_float, values)),
    "int64_list": np.ndarray.tolist,
}
_FROM_JSON: dict[str, Callable[[Any], Any]] = {
    "bytes_list": _bytes_of,
    "float_list": _float_of,
    "int64_list": _int_of,
}
