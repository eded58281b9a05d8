"""What callers pass as ``features``, made the mapping of names to features that all else works on.

Taken are our feature classes, plain types for one value a record, the features of ``tf.io`` (told
by their fields; TensorFlow is not imported), and a list of names, whose features are found in the
records.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, KeysView, Mapping
from typing import Any, Final, get_args

import numpy as np

from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    SparseFeature,
    VarLenFeature,
)
from tfrecord_lite.example.quote import quote

__all__ = [
    "SPECS",
    "as_feature",
    "check_given",
    "checked_names",
    "is_sequences",
    "normalize_features",
    "select_features",
]

SPECS: Final = get_args(FeatureSpec)
_PLAIN: Final[dict[object, FeatureSpec]] = {
    dtype: FixedLenFeature((), dtype) for dtype in (np.int64, int, np.float32, float, bytes, str)
}
# The fields of tf.io's features, which are named tuples; ours have them too, but for some.
_OF_TENSORFLOW: Final[dict[tuple[str, ...], Any]] = {
    ("shape", "dtype", "default_value"): FixedLenFeature,
    ("dtype",): VarLenFeature,
    ("shape", "dtype", "allow_missing", "default_value"): FixedLenSequenceFeature,
    ("dtype", "value_key", "partitions", "row_splits_dtype", "validate"): RaggedFeature,
    ("index_key", "value_key", "dtype", "size", "already_sorted"): SparseFeature,
}
_TAKEN: Final = (
    "a feature class (FixedLenFeature and others, tf.io's too), or int, float, bytes or str "
    "(np.int64, np.float32) for one value a record"
)


def normalize_features(
    features: object,
    infer: Callable[[], Mapping[str, FeatureSpec]] | None = None,
    *,
    parameter: str = "features",
) -> dict[str, FeatureSpec]:
    """Return features as a dict of our own feature classes, in the order given.

    For a list of names ``infer`` is called, and says which features there are. Raises TypeError for
    what stands for no features, ValueError for none, for names that are not there, and for features
    of tf.io that cannot be read here.

    >>> normalize_features({"label": int})
    {'label': FixedLenFeature(shape=(), dtype=<class 'numpy.int64'>, default_value=None)}
    """
    if isinstance(features, Mapping):
        for name in features:
            _check_name(name, parameter)
        found = {
            name: feature if type(feature) in SPECS else as_feature(feature, name)
            for name, feature in features.items()
        }
    elif isinstance(features, (list, tuple, KeysView)) and not hasattr(features, "_fields"):
        names = list(features)
        for name in names:
            _check_name(name, parameter)
        if infer is None:
            raise TypeError(
                f"{parameter} is a list of names, which says nothing of their kinds here; pass a "
                f"mapping of names to features: {_TAKEN}"
            )
        found = select_features(infer(), names) if names else {}
    elif is_sequences(features):
        raise TypeError(
            f"{parameter} is a SequenceFeatures, and these records are read as Examples; "
            "parse_sequence_example reads SequenceExamples"
        )
    else:
        raise TypeError(
            f"{parameter}={quote(features)} is no mapping of names to features; each is {_TAKEN}"
            + ("" if infer is None else "; a list of names will do too")
        )
    if not found:
        raise ValueError(
            "no features; name at least one, or leave them out to have them inferred"
            if infer is not None
            else "no features; name at least one"
        )
    return found


def is_sequences(features: object) -> bool:
    """Tell whether these are a `SequenceFeatures`."""
    return hasattr(features, "feature_lists") and hasattr(features, "context")


def check_given(features: Any) -> None:
    """Raise what `normalize_features` would raise, without a look at any record; None is right."""
    if features is not None and not is_sequences(features):
        anything = VarLenFeature(bytes)
        normalize_features(features, lambda: dict.fromkeys(features, anything))


def select_features(
    features: Mapping[str, FeatureSpec], names: Iterable[str]
) -> dict[str, FeatureSpec]:
    """Return the features of these names, in their order; ValueError for one that is not there."""
    try:
        return {name: features[name] for name in names}
    except KeyError as error:
        there = ", ".join(map(quote, features)) or "none"
        raise ValueError(
            f"feature {quote(error.args[0])} is not among those that were found: {there}; if only "
            "some records have it, pass a mapping that says what it is"
        ) from None


def checked_names(select: Any) -> list[str]:
    """Return the names that ``select`` has; TypeError for one name alone, of which it has letters.

    >>> checked_names(("label", "image"))
    ['label', 'image']
    """
    one = isinstance(select, (str, bytes)) or not isinstance(select, Iterable)
    names = [] if one else list(select)
    if one or not all(isinstance(name, str) for name in names):
        raise TypeError(f"select={quote(select)} must be a list of names, such as ['label']")
    return names


def as_feature(feature: Any, name: str) -> FeatureSpec:
    """Return our own feature for what a caller gave for the feature ``name``."""
    if isinstance(feature, SPECS):
        return feature  # type: ignore[no-any-return]
    if isinstance(feature, type) and feature in _PLAIN:
        return _PLAIN[feature]
    fields = getattr(feature, "_fields", None)
    if isinstance(feature, type) and (feature in SPECS or fields):
        raise TypeError(
            f"feature {quote(name)}: {feature.__name__} is a class; pass an object of it, such as "
            "FixedLenFeature([], np.int64) or VarLenFeature(bytes)"
        )
    cls = _OF_TENSORFLOW.get(fields) if isinstance(fields, tuple) else None
    if cls is None:
        hint = ""
        if isinstance(feature, Mapping):
            hint = "; parse_sequence_example reads context and feature lists"
        raise TypeError(f"feature {quote(name)}: {quote(feature)} is not {_TAKEN}{hint}")
    try:
        own = {field.name: getattr(feature, field.name) for field in dataclasses.fields(cls)}
        return cls(**own)  # type: ignore[no-any-return]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"feature {quote(name)}, tf.io.{type(feature).__name__}: {error}"
        ) from error


def _check_name(name: object, parameter: str) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{parameter}: {quote(name)} is no name of a feature; a name is a str")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{parameter}: {quote(name)}: {error.reason}; a name is UTF-8") from None
