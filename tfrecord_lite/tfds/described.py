"""What features.json says of features, and which features of Examples these are."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
)
from tfrecord_lite.example.quote import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


__all__ = ["Node", "features_of", "file_stem", "node_of"]


_NESTED: Final = ("dict", "sequence", "dataset")

_KEYS: Final = {
    "FeaturesDict": "featuresDict",
    "Sequence": "sequence",
    "Dataset": "sequence",
    "Tensor": "tensor",
    "TensorFeature": "tensor",
    "Scalar": "tensor",
    "Image": "image",
    "ImageFeature": "image",
    "LabeledImage": "image",
    "ClassLabel": "classLabel",
    "Text": "text",
    "TextFeature": "text",
    "BBoxFeature": "boundingBox",
    "BoundingBoxFeature": "boundingBox",
    "Audio": "audio",
    "AudioFeature": "audio",
    "Translation": "translation",
    "TranslationVariableLanguages": "translation",
    "TranslationFeature": "translation",
}
"""What features.json has features under, by the last of what it calls their classes."""


class Node(NamedTuple):
    """A feature: of dicts the children, of sequences and datasets the one child; a leaf else.

    ``shape`` has None for sizes that differ; of a sequence it is the length. ``default`` is what
    each value is where a feature that is optional is missing.
    """

    kind: str
    name: str
    children: dict[str, Node]
    dtype: Any = None
    shape: tuple[int | None, ...] = ()
    default: Any = None


def node_of(described: Mapping[str, Any], name: str) -> Node:
    """Read a feature of features.json."""
    if "type" in described:
        described = _of_old(described)
    said = described.get("pythonClassName", "").rpartition(".")[2]
    if "featuresDict" in described:
        inner = described["featuresDict"].get("features", {})
        children = {key: node_of(child, f"{name}/{key}".strip("/")) for key, child in inner.items()}
        return Node("dict", name, children)
    if "sequence" in described and said != "Video":
        length = int(described["sequence"].get("length", -1))
        child = node_of(described["sequence"]["feature"], name)
        kind = "dataset" if said == "Dataset" else "sequence"
        return Node(kind, name, {"": child}, shape=(None if length < 0 else length,))
    if "classLabel" in described:
        return Node("tensor", name, {}, np.dtype(np.int64))
    if "text" in described:
        return Node("tensor", name, {}, bytes)
    if "translation" in described:
        return _texts(described["translation"], name)
    for key in ("tensor", "image", "boundingBox", "audio"):
        if key in described:
            return _leaf(key, described[key], name)
    raise TFRecordError(
        f"features.json: {quote(name)} is a {said or 'feature'}, which this version does not read; "
        "the records themselves are those of read_records"
    )


def _of_old(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tensorflow_datasets before 4.5 said of a feature as it says this since."""
    class_name, content = described["type"], described["content"]
    message = described.get("proto_cls")
    key = _KEYS.get((message or class_name).rpartition(".")[2], "")
    if isinstance(content, str):
        content = json.loads(content)
    if "use_encoder" in content:  # of what was a text before, there are numbers in the records
        key = ""
    elif not message:
        content = dict(content)
        if key == "featuresDict":
            content = {"features": content}
        elif content.get("length", 0) is None:
            content["length"] = -1
        if "shape" in content:
            sizes = [-1 if size is None else size for size in content["shape"]]
            content["shape"] = {"dimensions": sizes}
        if class_name.endswith(".TranslationVariableLanguages"):
            content["variableLanguagesPerExample"] = True
    return {"pythonClassName": class_name, key: content}


def _texts(described: Mapping[str, Any], name: str) -> Node:
    """Read a translation: a text in each language, or the texts beside the names of theirs."""
    various = described.get("variableLanguagesPerExample")
    keys = ("language", "translation") if various else described["languages"]
    texts = {key: Node("tensor", f"{name}/{key}".strip("/"), {}, bytes) for key in keys}
    pair = Node("dict", name, texts)
    return Node("sequence", name, {"": pair}, shape=(None,)) if various else pair


def _leaf(key: str, described: Mapping[str, Any], name: str) -> Node:
    sizes = [int(size) for size in described.get("shape", {}).get("dimensions", ())]
    if key == "boundingBox" and not sizes:
        sizes = [4]
    shape = tuple(None if size < 0 else size for size in sizes)
    said = described.get("dtype") or ("float32" if key == "boundingBox" else "uint8")
    dtype: Any = bytes if said in ("string", "object") else np.dtype(said)
    encoding = str(described.get("encoding", "none")).lower()
    kind = "image" if key == "image" else {"zlib": "zlib", "bytes": "bytes"}.get(encoding, "tensor")
    optional = described.get("optional") and kind == "tensor" and None not in shape
    return Node(kind, name, {}, dtype, shape, _default(dtype) if optional else None)


def _default(dtype: Any) -> Any:
    """Return what tensorflow_datasets gives for a value that is None."""
    if dtype is bytes:
        return b""
    if dtype.kind == "f":  # as it passes through float32
        return float(np.finfo(dtype).min) if dtype.itemsize <= 4 else -np.inf
    return int(np.iinfo(dtype).min) if dtype.kind in "iu" else 0


def file_stem(node: Node, feature: str, outer: str = "") -> str | None:
    """Return how the names of files call a feature of this flat name; None where there is none."""
    if node.kind not in _NESTED:
        return outer if node.name == feature else None
    for key, child in node.children.items():
        stem = key.replace("/", ".")
        stem = f"{outer}-{stem}" if outer and stem else outer or stem
        if (found := file_stem(child, feature, stem)) is not None:
            return found
    return None


def features_of(
    node: Node, name: str, outer: tuple[int | None, ...]
) -> Iterator[tuple[str, FeatureSpec]]:
    """Yield the features of Examples by their keys."""
    if node.kind in _NESTED:
        lengths = () if node.kind == "dict" else node.shape
        for child in node.children.values():
            yield from features_of(child, child.name, (*outer, *lengths))
        return
    encoded = node.kind != "tensor"
    shape = outer if encoded else (*outer, *node.shape)
    fixed = [size for size in shape if size is not None]
    dtype: Any = bytes if encoded or node.dtype is bytes else np.int64
    if dtype is np.int64 and node.dtype.kind == "f":
        dtype = np.float32
    if node.kind in ("zlib", "bytes") and node.shape.count(None) > 1:
        yield f"{name}/shape", RaggedFeature(np.int64)
        name = f"{name}/value"
    if len(outer) > 1:
        yield f"{name}/ragged_flat_values", RaggedFeature(dtype)
        for level in range(len(outer) - 1):
            yield f"{name}/ragged_row_lengths_{level}", RaggedFeature(np.int64)
    elif None in shape:
        if shape[0] is None:
            yield name, FixedLenSequenceFeature(fixed, dtype, allow_missing=True)
        else:
            yield name, RaggedFeature(dtype)
    else:
        default = None if outer or node.default is None else [node.default] * math.prod(fixed)
        yield name, FixedLenFeature(tuple(fixed), dtype, default)
