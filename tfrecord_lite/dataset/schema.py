"""Which features are to be read: as given, as the manifest says, or as the first records show."""

from __future__ import annotations

import inspect
import warnings
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tfrecord_lite.errors import ExampleError, TFRecordError, ignore_damage
from tfrecord_lite.example.feature_json import features_from_json
from tfrecord_lite.example.infer import infer_all
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.sequence_features import SequenceFeatures, examples_only
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from tfrecord_lite._types import FeaturesLike, OnDamage
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.files.manifest import Manifest
    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["INFER_RECORDS", "LateFeatures", "Schema", "features_of", "infer", "written_features"]

# How many records are looked at where the caller names no features.
INFER_RECORDS: Final = 1000
_PACKAGE: Final = f"{__name__.partition('.')[0]}."


class Schema(NamedTuple):
    """The features to read, where they are from, and whether records are read strictly.

    ``hint`` is what an error about a record that does not have them should add. ``inferred`` tells
    that they are all that the first ``sampled`` records have: if later ones have more, nobody has
    decided to leave that out. ``without_kind`` are the names of those that have no kind there.
    """

    features: Mapping[str, FeatureSpec] | SequenceFeatures
    hint: str = ""
    inferred: bool = False
    strict: bool = True
    sampled: int = INFER_RECORDS
    without_kind: Sequence[str] = ()

    @classmethod
    def find(cls, features: FeaturesLike | None, records: RecordSet, *, strict: bool) -> Schema:
        """Take the features given; or those of the manifest, or else of the first records.

        Of those a list of names chooses. Raises what `normalize_features`, `infer_features` and
        `RecordReader` raise.
        """
        if isinstance(features, SequenceFeatures):
            return cls(features, strict=strict)
        found = cls({}, strict=strict)

        def of_records() -> Any:
            nonlocal found
            found = cls._of(records, strict=strict)
            return found.features

        if features is None:
            of_records()
            return found
        named = normalize_features(features, lambda: examples_only(of_records()))
        return found._replace(features=named, inferred=False)

    @classmethod
    def _of(cls, records: RecordSet, *, strict: bool) -> Schema:
        """Take the features of the manifest, or else those of the first records."""
        described = features_of(records.manifest)
        if described is not None:
            assert records.manifest is not None
            return cls(described, f" (features of {records.manifest.path})", strict=strict)
        named, sampled, without_kind = _infer(records, strict=strict)
        hint = f" (features inferred from the first {sampled:,} records: pass features=)"
        return cls(named, hint, True, strict, sampled, without_kind)

    def require_features(self, block: RecordBlock) -> None:
        """Raise `ExampleError`, at the front of a block, where there is no feature to read."""
        if not self.features:
            raise error_at(block, 0, "no feature in any of the first records; pass features=")

    def explain(self, error: ExampleError) -> None:
        """Add to an error about a record where the features are from that it does not have."""
        if error.misfit:
            error.reason += self.hint


def features_of(
    manifest: Manifest | None,
) -> Mapping[str, FeatureSpec] | SequenceFeatures | None:
    """Return the features that a manifest says, or None; `TFRecordError` for what is none."""
    if manifest is None or manifest.features is None:
        return None
    try:
        return features_from_json(manifest.features)
    except ValueError as error:
        raise TFRecordError(f"{error}; pass features=", path=manifest.path) from None


def written_features(
    features: FeaturesLike | None, records: RecordSet
) -> Mapping[str, FeatureSpec] | SequenceFeatures | None:
    """Return the features for the manifest of records that are copied: as given, or the source's.

    Of a list of names they are found as `Schema.find` finds them.
    """
    if features is None:
        return features_of(records.manifest)
    return Schema.find(features, records, strict=True).features


class LateFeatures:
    """Warns, once each, of features that records have and that were not inferred."""

    def __init__(self, schema: Schema) -> None:
        self._sampled = schema.sampled
        self._reported: set[str] = set()

    def warn_of(self, block: RecordBlock, late: Mapping[str, int]) -> None:
        """Warn of features by name, with the index in a block of the first record that has each."""
        self.warn({name: (block.path, block.number(at)) for name, at in late.items()})

    def warn(self, late: Mapping[str, tuple[str | None, int]]) -> None:
        """Warn of features by name, with file and number of the first record that has each."""
        for name, (path, record) in late.items():
            if name not in self._reported:
                self._reported.add(name)
                warnings.warn(
                    f"{path}: record {record}: feature {quote(name)} is in none of the first "
                    f"{self._sampled:,} records, from which features were inferred, and so in no "
                    "batch; pass features= with it, or without it if that is meant",
                    stacklevel=_callers(),
                )


def _callers() -> int:
    """Return the stack level, seen from the calling function, of the first frame not of ours."""
    frame = inspect.currentframe()
    level = 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return level


def infer(records: RecordSet, *, strict: bool = True) -> dict[str, FeatureSpec] | SequenceFeatures:
    """Infer features from the first `INFER_RECORDS` records of all files."""
    return _infer(records, strict=strict)[0]


def _infer(
    records: RecordSet, *, strict: bool
) -> tuple[dict[str, FeatureSpec] | SequenceFeatures, int, list[str]]:
    """Infer features from the first `INFER_RECORDS` records of all files.

    Return these, from how many records they are (there are no more where these are fewer than that,
    or they are all of a pipe that are kept), and the names of features that never have a kind.
    """
    on_damage: OnDamage = ignore_damage if records.tolerant else "raise"
    # The blocks themselves would be kept with all their bytes.
    places: list[tuple[str | None, int, int]] = []
    sampled = INFER_RECORDS

    def sample() -> Generator[bytes, None, None]:
        nonlocal sampled
        for number in range(len(records.files)):
            with records.peek(number, on_damage=on_damage) as reader:
                for block in reader.blocks():
                    for index, record in enumerate(block):
                        path = block.path_of(index)
                        places.append((path, block.number(index), block.offset(index)))
                        yield record
                    if records.kept_bytes >= limits.kept_front_bytes:
                        sampled = len(places)
                        return

    try:
        with closing(sample()) as first:
            features, without_kind = infer_all(islice(first, INFER_RECORDS), strict=strict)
    except ExampleError as error:
        path, record, offset = places[error.record or 0]
        raise ExampleError(error.reason, path=path, record=record, offset=offset) from None
    return features, sampled, without_kind
