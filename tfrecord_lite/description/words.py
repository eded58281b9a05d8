"""Descriptions in a few words: what tables are made of, as text and as HTML."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tfrecord_lite.description.scan import EXAMPLE, SEQUENCE
from tfrecord_lite.text import name_text, number_text, plural, printable, size_text

if TYPE_CHECKING:
    from tfrecord_lite.description.features import FeatureDescription
    from tfrecord_lite.description.result import Description
    from tfrecord_lite.description.spread import Spread

__all__ = ["feature_rows", "summary_rows"]


def summary_rows(description: Description) -> list[list[str]]:
    """Return what is told of all files together: names, and what is said of each."""
    files, sizes = description.files, description.sizes
    rows = [["records", f"{description.records:,}"], ["bytes", _bytes_text(description)]]
    if description.records:
        rows.append(["record", _size_line(sizes)])
    if regions := sum(file.regions for file in files):
        lost = size_text(sum(file.damaged_bytes for file in files))
        text = f"{plural(regions, 'region')}, {lost} left out; `tfrecord-lite verify` names them"
        rows.append(["damage", text])
    if looked_at := description.looked_at:
        kinds = Counter(description.payloads).most_common()
        text = ", ".join(f"{count:,} {printable(kind)}" for kind, count in kinds)
        sample = "" if looked_at == description.records else f", {looked_at:,} looked at"
        rows.append(["content", text + sample])
    return rows


def feature_rows(description: Description) -> list[list[str]]:
    """Return a head, a row for each feature, and one more where there are too many names."""
    rows = [["feature", "kind", "records", "values", "what"]]
    for name, feature in description.features.items():
        whole = description.payloads.get(EXAMPLE if feature.part == "features" else SEQUENCE, 0)
        rows.append(
            [
                name_text(name),
                feature.kind,
                "all" if feature.records == whole else f"{feature.records:,}",
                _values_text(feature),
                printable(_content_text(feature)),
            ]
        )
    if description.more_features:
        rows.append(["...", "", "", "", "and others: there are too many names"])
    return rows


def _bytes_text(description: Description) -> str:
    files = description.files
    text = f"{size_text(description.bytes)} in {plural(len(files), 'file')}, "
    if any(file.bytes is None and file.error is None for file in files):
        text = ""
    if description.compression is None:
        return text + "not compressed" if text else size_text(description.raw_bytes)
    return text + f"{description.compression}, {size_text(description.raw_bytes)} when inflated"


def _size_line(sizes: Spread) -> str:
    """Say how large records are."""
    if sizes.min == sizes.max:
        return f"{plural(sizes.min or 0, 'byte')} each"
    return f"{sizes.min:,} to {sizes.max:,} bytes, {sizes.mean:,.1f} on average"


def _values_text(feature: FeatureDescription) -> str:
    """Say how many values a record has."""
    counts = _range(feature.counts)
    if feature.steps is None:
        return counts
    return f"{_range(feature.steps)} x {counts}" if counts else _range(feature.steps)


def _content_text(feature: FeatureDescription) -> str:
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
