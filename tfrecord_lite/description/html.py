"""A description as HTML: one page that needs nothing else; names and values are never markup."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Any

from tfrecord_lite.description.content import media_type
from tfrecord_lite.description.features import text_of
from tfrecord_lite.description.words import feature_rows, summary_rows
from tfrecord_lite.text import number_text, plural, printable, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tfrecord_lite.description.features import FeatureDescription
    from tfrecord_lite.description.result import Description

__all__ = ["page_of", "tables_of"]

# What is shown of images: those of so many bytes at most, and so many bytes in all.
_IMAGE_BYTES = 1 << 18
_ALL_IMAGES_BYTES = 1 << 23
_SHOWN_FEATURES = 200
_SHOWN_FILES = 1000
_TEXT_CHARACTERS = 80

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5a6472; --line: #d9dee5; --bar: #3f6fb5;
        --paper: #ffffff; --wrong: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #a3adba; --line: #39414d;
        --bar: #7aa7e8; --paper: #14181e; --wrong: #ff8a80; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line);
         vertical-align: top; white-space: nowrap; }
td:first-child, td:last-child { white-space: normal; overflow-wrap: anywhere; }
td:first-child { min-width: min(12rem, 22vw); }
td:last-child { min-width: min(16rem, 55vw); }
th { color: var(--soft); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: .3rem 0; } figcaption { color: var(--soft); font-size: .8rem; }
svg { max-width: 100%; height: auto; }
svg rect { fill: var(--bar); } svg text { fill: var(--soft); font: 10px system-ui, sans-serif; }
img { height: 64px; margin: 0 6px 6px 0; image-rendering: auto; border: 1px solid var(--line); }
.soft { color: var(--soft); } .wrong { color: var(--wrong); } .wide { overflow-x: auto; }
"""


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)


def page_of(description: Description, title: str) -> str:
    """Return a whole page."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{_text(printable(title))}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{_text(printable(title))}</h1>{_body(description)}</main></body></html>\n"
    )


def tables_of(description: Description) -> str:
    """Return the tables alone, for a notebook."""
    return f"<div><style>{_NOTEBOOK_STYLE}</style>{_body(description)}</div>"


_NOTEBOOK_STYLE = """
.tfr-figure svg rect { fill: #5b87c5; } .tfr-figure svg text { fill: gray; font: 10px sans-serif; }
.tfr-figure img { height: 64px; margin: 0 6px 6px 0; }
"""


def _body(description: Description) -> str:
    rows = [
        (name, _wrong(text) if name == "damage" else _text(text))
        for name, text in summary_rows(description)
    ]
    parts = [_table(("", ""), rows)]
    if description.records:
        parts.append(
            "<h2>Sizes of records</h2>"
            + _figure(
                list(description.sizes.buckets),
                "bytes of a record, without its frame",
                ends=(description.sizes.min, description.sizes.max),
                logarithmic=True,
            )
        )
    if description.features:
        parts.append(_features(description))
    parts.append(_files(description))
    return "".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return a table of cells that are markup already."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(
            f'<{tag} class="number">{cell}</{tag}>' if at in numbers else f"<{tag}>{cell}</{tag}>"
            for at, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{line(head, "th")}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _wrong(text: str) -> str:
    return f"<span class=wrong>{_text(text)}</span>"


def _features(description: Description) -> str:
    features = list(description.features.values())[:_SHOWN_FEATURES]
    budget = [_ALL_IMAGES_BYTES]
    head, *told = feature_rows(description)
    rows = [
        [f"<b>{_text(name)}</b>", *map(_text, rest), _text(what) + _pictures(feature, budget)]
        for feature, (name, *rest, what) in zip(features, told, strict=False)
    ]
    more = len(description.features) - len(features)
    others = ""
    if more or description.more_features:
        others = f"<p class=soft>and {f'{more:,} more' if more else 'more'} features</p>"
    return f"<h2>Features</h2>{_table(head, rows, (2,))}{others}"


def _pictures(feature: FeatureDescription, budget: list[int]) -> str:
    histogram = feature.histogram()
    if histogram is not None and feature.min != feature.max:
        edges, counts = histogram
        bars = list(zip(edges[:-1], edges[1:], counts, strict=True))
        return _figure(bars, "values", ends=(feature.min, feature.max))
    images = []
    for data in feature.samples:
        kind = media_type(data) if isinstance(data, bytes) else None
        if kind is None or not kind.startswith("image/") or len(data) > _IMAGE_BYTES:
            continue
        if len(data) > budget[0]:
            break
        budget[0] -= len(data)
        source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        images.append(f'<img src="{source}" alt="one of the images">')
    if images:
        return f'<figure class="tfr-figure">{"".join(images)}</figure>'
    top = [(value, times) for value, times in feature.top if isinstance(value, bytes)]
    if not top or top[0][1] == 1:
        return ""
    texts = ", ".join(f"{_text(_value_text(value))} ({times:,})" for value, times in top)
    return f"<div class=soft>{texts}</div>"


def _value_text(value: bytes) -> str:
    found = text_of(value)
    text = repr(value) if found is None else printable(found)
    return text if len(text) <= _TEXT_CHARACTERS else text[:_TEXT_CHARACTERS] + "..."


def _figure(
    bars: list[tuple[Any, Any, float]],
    caption: str,
    *,
    ends: tuple[float | None, float | None],
    logarithmic: bool = False,
) -> str:
    """Return a histogram as SVG, its bars side by side, with the least and largest value named."""
    width, height, foot = 360, 80, 16
    most = max((count for *_, count in bars), default=0) or 1
    each = width / max(len(bars), 1)
    shapes = "".join(
        f'<rect x="{at * each:.2f}" y="{height - count / most * height:.2f}" '
        f'width="{max(each - 1, 0.5):.2f}" height="{count / most * height:.2f}">'
        f"<title>{number_text(low)} to {number_text(high)}: {count:,.0f}</title></rect>"
        for at, (low, high, count) in enumerate(bars)
    )
    first, last = ends
    note = f"{caption}; most in a bar: {most:,.0f}" + (
        ", each twice the last" if logarithmic else ""
    )
    return (
        f'<figure class="tfr-figure"><svg role="img" width="{width}" height="{height + foot}" '
        f'viewBox="0 0 {width} {height + foot}" aria-label="{_text(note)}">{shapes}'
        f'<text x="0" y="{height + 12}">{_text(number_text(first))}</text>'
        f'<text x="{width}" y="{height + 12}" text-anchor="end">{_text(number_text(last))}</text>'
        f"</svg><figcaption>{_text(note)}</figcaption></figure>"
    )


def _files(description: Description) -> str:
    rows = []
    for file in description.files[:_SHOWN_FILES]:
        found = "" if file.ok else _wrong(plural(file.regions, "region"))
        if file.error is not None:
            found = _wrong(printable(str(file.error)))
        rows.append(
            (
                _text(printable(file.path)),
                f"{file.records:,}",
                "" if file.bytes is None else size_text(file.bytes),
                file.compression or "",
                found,
            )
        )
    more = len(description.files) - _SHOWN_FILES
    rest = f"<p class=soft>and {more:,} more files</p>" if more > 0 else ""
    head = ("file", "records", "bytes", "compression", "damage")
    return f"<h2>Files</h2>{_table(head, rows, (1, 2))}{rest}"
