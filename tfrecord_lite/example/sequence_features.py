"""What a caller expects of SequenceExamples: of the context, and of the steps of feature lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    SparseFeature,
    VarLenFeature,
)
from tfrecord_lite.example.normalize import normalize_features

if TYPE_CHECKING:
    from tfrecord_lite._types import FeaturesLike

__all__ = [
    "SequenceFeatures",
    "by_part",
    "checked_features",
    "examples_only",
    "found_features",
    "of_parts",
    "step_feature",
]

_CONTEXT = (FixedLenFeature, VarLenFeature, RaggedFeature, SparseFeature, RawFeature)
_LISTS = (FixedLenFeature, FixedLenSequenceFeature, VarLenFeature, RaggedFeature, RawFeature)


@dataclass(frozen=True)
class SequenceFeatures:
    """The features of SequenceExamples: goes wherever ``features`` goes.

    ``context`` and ``feature_lists`` are mappings as ``features`` are. A batch is then
    ``{"context": {name: column}, "feature_lists": {name: column}}``. With n records the context's
    columns are those of Examples. Of the feature lists, `FixedLenFeature` and `RawFeature`, also
    written as a plain type, give a `Ragged` of n rows whose values are frames ``[steps, *shape]``;
    `FixedLenSequenceFeature` gives an array ``[n, longest, *shape]``, padded; `VarLenFeature` and
    `RaggedFeature` give a `Ragged` of n rows whose values are a `Ragged` of steps, each cut as the
    ``partitions`` say.

    >>> import numpy as np
    >>> features = SequenceFeatures({"id": int}, {"frames": FixedLenFeature([4], np.float32)})
    >>> features.context["id"].shape, features.feature_lists["frames"].shape
    ((), (4,))
    """

    context: Mapping[str, Any] = field(default_factory=dict)
    feature_lists: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, classes in (("context", _CONTEXT), ("feature_lists", _LISTS)):
            named = checked_features(getattr(self, name), classes, name)
            object.__setattr__(self, name, named)
        for name, feature in self.feature_lists.items():
            if isinstance(feature, FixedLenFeature) and feature.default_value is not None:
                raise ValueError(
                    f"feature_lists[{name!r}]: {feature}: the steps of a feature list take no "
                    "default_value"
                )
        if not self.context and not self.feature_lists:
            raise ValueError("no features; name at least one in context or feature_lists")

    def __len__(self) -> int:
        return len(self.context) + len(self.feature_lists)


def found_features(
    context: Mapping[str, FeatureSpec], feature_lists: Mapping[str, FeatureSpec]
) -> SequenceFeatures:
    """Return what was found in SequenceExamples: there may be nothing, which nobody can ask for.

    >>> len(found_features({}, {}))
    0
    """
    if context or feature_lists:
        return SequenceFeatures(context, feature_lists)
    nothing = object.__new__(SequenceFeatures)
    object.__setattr__(nothing, "context", {})
    object.__setattr__(nothing, "feature_lists", {})
    return nothing


def by_part(
    features: Mapping[str, FeatureSpec] | SequenceFeatures,
) -> dict[tuple[str, str], FeatureSpec]:
    """Return features by what they are of and by name: of Examples they are of "".

    >>> list(by_part(SequenceFeatures({"id": int}, {"frames": float})))
    [('context', 'id'), ('feature_lists', 'frames')]
    """
    if not isinstance(features, SequenceFeatures):
        return {("", name): feature for name, feature in features.items()}
    return {
        (part, name): feature
        for part in ("context", "feature_lists")
        for name, feature in getattr(features, part).items()
    }


def of_parts(
    features: Mapping[tuple[str, str], FeatureSpec],
) -> dict[str, FeatureSpec] | SequenceFeatures | None:
    """Return what `by_part` was given; None where some are of Examples and others are not.

    >>> of_parts({("", "label"): RaggedFeature(bytes)})
    {'label': RaggedFeature(dtype=<class 'bytes'>)}
    """
    parts: dict[str, dict[str, FeatureSpec]] = {}
    for (part, name), feature in features.items():
        parts.setdefault(part, {})[name] = feature
    of_examples = parts.pop("", {})
    if not parts:
        return of_examples
    return None if of_examples else SequenceFeatures(**parts)


def checked_features(
    features: FeaturesLike | None, classes: tuple[type, ...], parameter: str
) -> dict[str, FeatureSpec]:
    """Return features of these classes by name, none where there are none; else ValueError."""
    if features is None or (isinstance(features, Mapping) and not features):
        return {}
    named = normalize_features(features, parameter=parameter)
    for name, feature in named.items():
        if not isinstance(feature, classes):
            raise ValueError(  # noqa: TRY004 - as TensorFlow
                f"{parameter}[{name!r}] is a {type(feature).__name__}; it takes "
                f"{', '.join(cls.__name__ for cls in classes)}"
            )
        if isinstance(feature, FixedLenSequenceFeature) and feature.default_value is not None:
            raise ValueError(
                f"{parameter}[{name!r}] has a default_value, which feature lists do not take"
            )
    return named


def examples_only(
    features: Mapping[str, FeatureSpec] | SequenceFeatures,
) -> Mapping[str, FeatureSpec]:
    """Return the features of Examples; ValueError for those of SequenceExamples."""
    if isinstance(features, SequenceFeatures):
        raise ValueError(  # noqa: TRY004 - the names are right, the records are others
            "these are SequenceExamples, whose features are named by SequenceFeatures(context=..., "
            "feature_lists=...)"
        )
    return features


def step_feature(feature: FeatureSpec) -> FeatureSpec:
    """Return the feature that each step of a feature list has."""
    if isinstance(feature, FixedLenSequenceFeature):
        return FixedLenFeature(feature.shape, feature.dtype)
    return feature
