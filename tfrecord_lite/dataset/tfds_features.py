"""Features of Examples as features.json of tensorflow_datasets describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    VarLenFeature,
)
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.quote import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


__all__ = ["ClassLabel", "Image", "Text", "described_features", "stored_features"]

_MODULES: Final = "tensorflow_datasets.core.features."


class _OneValue:
    """A feature of which an Example has one value, in the form that it is stored in."""

    _stored_as: Any = bytes

    def stored(self) -> FeatureSpec:
        """Return how it lies in an Example."""
        return FixedLenFeature((), self._stored_as)


@dataclass(frozen=True)
class ClassLabel(_OneValue):
    """A class by its number, an int64 from 0: of ``names``, in their order.

    >>> ClassLabel(["cat", "dog"]).names
    ('cat', 'dog')
    """

    names: Sequence[str]
    _stored_as = np.int64

    def __post_init__(self) -> None:
        names = () if isinstance(self.names, (str, bytes)) else tuple(self.names)
        if not names or not all(isinstance(name, str) for name in names):
            raise ValueError(f"names={quote(self.names)}: a list of the names of classes")
        if any(name != name.strip() or len(name.splitlines()) != 1 for name in names):
            raise ValueError("names of classes are lines of a file: no line breaks, none empty")
        if len(set(names)) < len(names):
            raise ValueError("two classes of one name")
        object.__setattr__(self, "names", names)

    def described(self) -> dict[str, Any]:
        """Return what features.json says of it."""
        return _kind(
            "class_label_feature.ClassLabel", "classLabel", numClasses=str(len(self.names))
        )


@dataclass(frozen=True)
class Image(_OneValue):
    """A picture as a byte string, PNG or JPEG; ``shape`` has None for sizes that differ.

    ``encoding`` ("png" or "jpeg") is what all are, where they are all one. Of ``dtype`` uint16
    they are PNG.

    >>> Image(shape=(28, 28, 1), encoding="png").shape
    (28, 28, 1)
    """

    shape: Sequence[int | None] = (None, None, 3)
    encoding: str | None = None
    dtype: Any = np.uint8

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "dtype", np.dtype(self.dtype))
        if len(self.shape) != 3 or self.shape[2] not in (1, 3, 4):
            raise ValueError(f"shape={self.shape}: height, width and 1, 3 or 4 channels")
        if self.encoding not in (None, "png", "jpeg"):
            raise ValueError(f"encoding={self.encoding!r} is none of 'png', 'jpeg' and None")
        if self.dtype.name not in ("uint8", "uint16"):
            raise ValueError(f"dtype={self.dtype}: pictures are uint8 or uint16")

    def described(self) -> dict[str, Any]:
        """Return what features.json says of it."""
        more = {} if self.encoding is None else {"encodingFormat": self.encoding}
        shape, dtype = _shape(self.shape), self.dtype.name
        return _kind("image_feature.Image", "image", shape=shape, dtype=dtype, **more)


@dataclass(frozen=True)
class Text(_OneValue):
    """A text, as its UTF-8."""

    def described(self) -> dict[str, Any]:
        """Return what features.json says of it."""
        return _kind("text_feature.Text", "text")


def stored_features(features: Mapping[str, Any]) -> dict[str, FeatureSpec]:
    """Return how the features lie in Examples: `ClassLabel` and the others by what they hold.

    >>> stored_features({"label": ClassLabel(["cat", "dog"])})
    {'label': FixedLenFeature(shape=(), dtype=<class 'numpy.int64'>, default_value=None)}
    """
    return normalize_features(
        {
            name: feature.stored() if isinstance(feature, _OneValue) else feature
            for name, feature in features.items()
        }
        if hasattr(features, "items")
        else features
    )


def described_features(features: Mapping[str, Any]) -> dict[str, Any]:
    """Return what features.json says of these features; ValueError for what it cannot say.

    >>> features = described_features({"label": ClassLabel(["cat", "dog"])})
    >>> features["featuresDict"]["features"]["label"]["classLabel"]
    {'numClasses': '2'}
    """
    stored = stored_features(features)
    described = {
        name: given.described()
        if isinstance(given := features[name], (ClassLabel, Image, Text))
        else _tensor(name, feature)
        for name, feature in stored.items()
    }
    return _kind("features_dict.FeaturesDict", "featuresDict", features=described)


def _tensor(name: str, feature: FeatureSpec) -> dict[str, Any]:
    shape: tuple[int | None, ...] | None = None
    dtype, encoding = feature.dtype, "none"
    if isinstance(feature, FixedLenFeature) and feature.default_value is None:
        shape = tuple(feature.shape)
    elif isinstance(feature, FixedLenSequenceFeature) and feature.default_value is None:
        shape = (None, *feature.shape)
    elif isinstance(feature, RawFeature) and dtype.names is None:
        shape, encoding = tuple(feature.shape), "bytes"
    elif isinstance(feature, RaggedFeature) and dtype is np.uint8:
        shape, dtype = (), bytes
    elif isinstance(feature, VarLenFeature) or (
        isinstance(feature, RaggedFeature)
        and feature.value_key in (None, name)
        and not feature.partitions
    ):
        shape = (None,)
    if shape is None:
        raise ValueError(
            f"feature {quote(name)}: {feature!r} is none that tensorflow_datasets reads; a feature "
            "without a default and of one key is"
        )
    said = "string" if dtype is bytes else np.dtype(dtype).name
    return _kind(
        "tensor_feature.Tensor", "tensor", shape=_shape(shape), dtype=said, encoding=encoding
    )


def _kind(python: str, key: str, **content: Any) -> dict[str, Any]:
    return {"pythonClassName": _MODULES + python, key: content}


def _shape(shape: Iterable[int | None]) -> dict[str, Any]:
    sizes = [str(-1 if size is None else size) for size in shape]
    return {"dimensions": sizes} if sizes else {}
