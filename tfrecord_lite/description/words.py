"""Descriptions of features in a few words, for tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfrecord_lite.text import number_text, plural

if TYPE_CHECKING:
    from tfrecord_lite.description.features import FeatureDescription
    from tfrecord_lite.description.spread import Spread

__all__ = ["content_text", "records_text", "size_line", "values_text"]


def size_line(sizes: Spread) -> str:
    """Say how large records are."""
    if sizes.min == sizes.max:
        return f"{plural(sizes.min or 0, 'byte')} each"
    return f"{sizes.min:,} to {sizes.max:,} bytes, {sizes.mean:,.1f} on average"


def records_text(feature: FeatureDescription, whole: int) -> str:
    """Say in how many records it is."""
    return "all" if feature.records == whole else f"{feature.records:,}"


def values_text(feature: FeatureDescription) -> str:
    """Say how many values a record has."""
    counts = _range(feature.counts)
    if feature.steps is None:
        return counts
    return f"{_range(feature.steps)} x {counts}" if counts else _range(feature.steps)


def content_text(feature: FeatureDescription) -> str:
    """Say what its values are."""
    parts = []
    if feature.numbers.min is not None:
        least, mean, largest = feature.min, feature.mean, feature.max
        parts.append(f"{number_text(least)} to {number_text(largest)}, mean {number_text(mean)}")
    numbers = feature.numbers
    parts += [
        f"{count:,} {name}"
        for count, name in ((numbers.nan, "NaN"), (numbers.infinite, "infinite"))
        if count
    ]
    if feature.lengths.count:
        parts.append(str(feature.content))
        lengths = _range(feature.lengths)
        parts.append(f"{lengths} byte" if lengths == "1" else f"{lengths} bytes")
    if feature.counts.total:
        about = "" if feature.distinct_exact else "about "
        parts.append(f"{about}{feature.distinct:,} distinct")
    return ", ".join(part for part in parts if part)


def _range(spread: Spread) -> str:
    if spread.min is None:
        return ""
    if spread.min == spread.max:
        return f"{spread.min:,}"
    return f"{spread.min:,} to {spread.max:,}"
