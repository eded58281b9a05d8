"""Features as JSON, as manifests hold them, and back."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import operator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.example.features import DTYPES, PARTITIONS, FeatureSpec, RaggedFeature
from tfrecord_lite.example.kinds import dtype_named
from tfrecord_lite.example.normalize import SPECS, normalize_features
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.sequence_features import SequenceFeatures

if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["features_from_json", "features_to_json"]

_SEQUENCES_VERSION: Final = 2


def features_to_json(features: Mapping[str, Any] | SequenceFeatures) -> str:
    """Write features, as `encode_example` takes them, as JSON that ``features_from_json`` reads.

    A `SequenceFeatures` is an object of version 2, with a context and feature lists.

    A byte string is written in base64, and a float that is not finite as a string.

    >>> print(features_to_json({"label": int}))
    {
      "label": {"class": "FixedLenFeature", "shape": [], "dtype": "int64", "default_value": null}
    }
    """
    if isinstance(features, SequenceFeatures):
        parts = (
            f'"{name}": {_to_json(part)}'
            for name, part in (
                ("context", features.context),
                ("feature_lists", features.feature_lists),
            )
        )
        return f'{{\n"version": {_SEQUENCES_VERSION},\n{", ".join(parts)}\n}}'
    return _to_json(features)


def _to_json(features: Mapping[str, Any]) -> str:
    lines = []
    named = normalize_features(features) if features else {}
    for name, feature in named.items():
        fields: dict[str, Any] = {"class": type(feature).__name__}
        for field in dataclasses.fields(feature):
            fields[field.name] = getattr(feature, field.name)
        if isinstance(feature, RaggedFeature):
            # Manifests were written without these, and are read by programs that know none.
            value_key, partitions = fields.pop("value_key"), fields.pop("partitions")
            if value_key is not None:
                fields["value_key"] = value_key
            if partitions:
                fields["partitions"] = [[type(each).__name__, *each] for each in partitions]
        fields["dtype"] = _dtype_to_json(feature.dtype)
        if fields.get("default_value") is not None:
            fields["default_value"] = _default_to_json(fields["default_value"])
        lines.append(f"\n  {json.dumps(name)}: {json.dumps(fields, allow_nan=False)}")
    return "{" + ",".join(lines) + "\n}"


# What Python and NumPy raise at text that is no JSON of features: of other types, of numbers beyond
# a float, nested too deep, or naming a dtype that NumPy takes for Python.
_NOT_FEATURES: Final = (
    *(AttributeError, ImportError, KeyError, TypeError, ValueError),
    *(OverflowError, RecursionError, SyntaxError),
)


def features_from_json(text: str) -> dict[str, FeatureSpec] | SequenceFeatures:
    """Read features that `features_to_json` wrote; ``ValueError`` for anything else.

    >>> from tfrecord_lite import FixedLenFeature
    >>> text = features_to_json({"label": FixedLenFeature([], "int64")})
    >>> features_from_json(text)["label"].shape
    ()
    """
    try:
        found = json.loads(text)
        if isinstance(found, dict) and isinstance(found.get("shards"), list):
            raise ValueError("this is the manifest of a set; pass what it has as features alone")  # noqa: TRY004
        if isinstance(found, dict) and isinstance(found.get("version"), int):
            if found["version"] != _SEQUENCES_VERSION:
                raise ValueError(
                    f"version {found['version']}; this version supports {_SEQUENCES_VERSION}"
                )
            context, lists = (found.get(part) for part in ("context", "feature_lists"))
            return SequenceFeatures(_from_json(context), _from_json(lists))
        return _from_json(found)
    except _NOT_FEATURES as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise ValueError(f"not the JSON of features: {kind}{error}") from error


def _from_json(named: Any) -> dict[str, FeatureSpec]:
    if not isinstance(named, dict):
        raise ValueError(f"{quote(named)} is no object of features by name")  # noqa: TRY004
    features: dict[str, FeatureSpec] = {}
    for name, fields in named.items():
        name.encode()
        try:
            features[name] = _feature_from_json(fields)
        except (TypeError, ValueError) as error:
            raise ValueError(f"feature {quote(name)}: {error}") from error
    return features


def _feature_from_json(given: Any) -> FeatureSpec:
    if not isinstance(given, dict):
        raise ValueError(f"{quote(given)} is no object with class and dtype")  # noqa: TRY004
    fields = dict(given)
    cls = next((cls for cls in SPECS if cls.__name__ == fields.get("class")), None)
    if cls is None:
        known = ", ".join(cls.__name__ for cls in SPECS)
        raise ValueError(f"class {quote(fields.get('class'))}; there are {known}")
    del fields["class"]
    named = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(cls)}
    for name, required in named.items():
        if required and name not in fields:
            raise ValueError(f"{cls.__name__} without {name}")
    if unknown := sorted(fields.keys() - named.keys()):
        raise ValueError(f"{cls.__name__} has no {quote(unknown[0])}")
    fields["dtype"] = dtype = _dtype_from_json(fields["dtype"])
    if fields.get("default_value") is not None:
        fields["default_value"] = _default_from_json(fields["default_value"], dtype)
    if "partitions" in fields:
        fields["partitions"] = _partitions_from_json(fields["partitions"])
    feature: FeatureSpec = cls(**fields)
    return feature


def _partitions_from_json(given: Any) -> list[Any]:
    try:
        return [PARTITIONS[kind](value) for kind, value in given]
    except (KeyError, TypeError, ValueError) as error:
        example = '[["RowLengths", "key"]]'
        raise ValueError(f"partitions {quote(given)}; they are such as {example}") from error


def _default_to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_default_to_json(element) for element in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if math.isfinite(value) else str(value)


def _default_from_json(value: Any, dtype: Any) -> Any:
    if isinstance(value, list):
        return [_default_from_json(element, dtype) for element in value]
    try:
        if dtype == "bytes":
            return base64.b64decode(value, validate=True)
        return float(value) if dtype == "float32" else operator.index(value)
    except (TypeError, ValueError) as error:
        kind = "bytes in base64" if dtype == "bytes" else dtype
        raise ValueError(f"default_value {quote(value)} is no {kind}") from error


def _dtype_to_json(dtype: Any) -> Any:
    if isinstance(dtype, type):
        return dtype.__name__
    if dtype.names is not None:
        return np.lib.format.dtype_to_descr(dtype)
    # bfloat16 and its like have a name, but their character code is that of any two bytes;
    # a byte string of five has a code, but its name is none that NumPy reads.
    return dtype.str if dtype.type in (np.bytes_, np.str_, np.void) else dtype.name


def _dtype_from_json(dtype: Any) -> Any:
    if not isinstance(dtype, str):
        if not isinstance(dtype, list):
            raise ValueError(f"dtype {quote(dtype)} is no name of a dtype")  # noqa: TRY004
        return np.lib.format.descr_to_dtype(_tuples(dtype))
    if dtype not in DTYPES:
        dtype_named(dtype)
    return dtype


def _tuples(descr: Any) -> Any:
    """Make the description of a structured dtype, in JSON all lists, a list of tuples again."""
    if not isinstance(descr, list):
        return descr
    return [
        (tuple(name) if isinstance(name, list) else name, _tuples(dtype), *map(tuple, shape))
        for name, dtype, *shape in descr
    ]
