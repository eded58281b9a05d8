"""Text that any terminal and any program can take: names and values are somebody else's bytes."""

from __future__ import annotations

import json
import sys
import textwrap
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

from tfrecord_lite.urls import shown

__all__ = [
    "cut",
    "facts_text",
    "html_table",
    "is_json",
    "json_text",
    "listed",
    "name_text",
    "number_text",
    "path_text",
    "plural",
    "printable",
    "size_text",
    "table_text",
    "unicode_text",
]

_NAME_CHARACTERS = 40
# To that many columns of a terminal a column of a table is cut, where there is no space.
_LEAST_WIDTH = 12


def printable(text: str) -> str:
    r"""Return ``text`` as it is where every character prints, else quoted and escaped.

    Escape sequences, line breaks, characters that turn the direction of writing and bytes that were
    no UTF-8 never reach the terminal.

    >>> print(printable("label"), printable("a\x1b[31mb"), printable("c\udcff"))
    label 'a\x1b[31mb' 'c\udcff'
    """
    text = shown(text)
    return text if text.isprintable() else repr(text)


def name_text(name: str) -> str:
    """Return a feature's name for a table: safe to print, and not so long as to crowd out the rest.

    >>> print(name_text("x" * 100), name_text(""))
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... ''
    """
    text = printable(name) or "''"
    return text if len(text) <= _NAME_CHARACTERS else text[: _NAME_CHARACTERS - 3] + "..."


def unicode_text(text: str) -> str:
    r"""Return ``text`` as valid Unicode, even where a file name is not; JSON wants it.

    >>> print(unicode_text("a\udcff.tfrecord"))
    a\udcff.tfrecord
    """
    return text.encode("utf-8", "backslashreplace").decode()


def path_text(path: str) -> str:
    """Return a path or URL as JSON takes it, without what is secret in it.

    >>> path_text("https://me:secret@host/a?Signature=1f")
    'https://host/a?...'
    """
    return unicode_text(shown(path))


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""Return JSON in ASCII, as RFC 8259 has it: NaN and infinities must not be in ``value``.

    >>> print(json_text({"é": [1, 0.5]}))
    {"\u00e9": [1, 0.5]}
    """
    return json.dumps(value, allow_nan=False, ensure_ascii=True, indent=indent)


def is_json(text: str | bytes) -> bool:
    """Tell whether a text is JSON, of no more depth than Python reads.

    >>> is_json("[1, 2]"), is_json("[1, 2")
    (True, False)
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def plural(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "record"), plural(1200, "byte")
    ('1 record', '1,200 bytes')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Sequence[str], most: int) -> str:
    """Return the first of some names, and how many more there are.

    >>> listed(["a", "b", "c"], 2), listed(["a", "b"], 2)
    ('a, b and 1 more', 'a, b')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def size_text(size: float) -> str:
    """Return a number of bytes for people, in powers of 1024.

    >>> size_text(41), size_text(1536), size_text(3 << 30), size_text(5 << 50)
    ('41 B', '1.5 KiB', '3.0 GiB', '5120.0 TiB')
    """
    if size < 1024:
        return f"{size:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} TiB"


def number_text(number: float | None) -> str:
    """Return a number for people, with some six digits; "" for None.

    >>> number_text(1234567), number_text(0.123456789), number_text(3.0), number_text(None)
    ('1,234,567', '0.123457', '3', '')
    """
    if number is None:
        return ""
    return f"{number:,}" if isinstance(number, int) else f"{number:.6g}"


def cut(text: str, width: int) -> str:
    """Return text that takes so many columns of a terminal at most, with dots where it was cut.

    It is cut between words, where that leaves at least half.

    >>> cut("one two three", 11), cut("unbreakable", 8), cut("short", 8)
    ('one two...', 'unbre...', 'short')
    """
    if _width(text) <= width:
        return text
    kept, left = "", max(width - 3, 0)
    for character in text:
        left -= _width(character)
        if left < 0:
            break
        kept += character
    words = kept.rpartition(" ")[0]
    if 2 * len(words) >= len(kept) and not text[len(kept) :].startswith(" "):
        kept = words
    return kept.rstrip(" ,;:") + "..."[:width]


def table_text(rows: Sequence[Sequence[str]], width: int | None = None, *, least: int = 0) -> str:
    """Return rows of text in columns, one line each, with two spaces between columns.

    To fit ``width`` columns of a terminal the last column is cut, and then the widest of the
    others. Where that leaves none of them legible, lines are cut, and the last columns are lost;
    but with ``least``, where the last column would have less than that, a row gets several lines,
    and nothing is cut. The text must be safe to print.

    >>> print(table_text([["a", "1"], ["long", "22"]]))
    a     1
    long  22
    >>> print(table_text([["reading by hand", "8,424", "one more word"]], 33))
    reading...    8,424  one more...
    >>> print(table_text([["reading by hand", "8,424", "one more word"]], 16, least=9))
    reading by hand
      8,424
      one more word
    """
    if not any(rows):
        return ""
    width = sys.maxsize if width is None else width
    if indent := min(len(row[0]) - len(row[0].lstrip(" ")) for row in rows):
        begin = " " * min(indent, width // 4)
        inner = [[row[0][indent:], *row[1:]] for row in rows]
        text = table_text(inner, width - len(begin), least=least)
        return "\n".join(begin + line for line in text.split("\n"))
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    fitted = _fitted(widths, width)
    if least and width - sum(fitted[:-1]) - 2 * (len(fitted) - 1) < min(least, widths[-1]):
        return _stacked(rows, widths, width)
    lines = []
    for row in rows:
        cells = [cut(cell, wide) for cell, wide in zip(row[:-1], fitted, strict=False)]
        begin = "".join(
            cell + " " * (wide - _width(cell)) + "  "
            for cell, wide in zip(cells, fitted, strict=False)
        )
        last = cut(row[-1], max(width - _width(begin), 0))
        lines.append(cut((begin + last).rstrip(), width))
    return "\n".join(lines)


def _stacked(rows: Sequence[Sequence[str]], widths: list[int], width: int) -> str:
    """Return rows of text of several lines each; what does not fit beside others has its own."""
    indent = min(2, width // 2)
    together: list[list[int]] = []
    taken = 0
    for column, wide in enumerate(widths):
        taken += 2 + wide
        if column < 2 or taken > width:
            together.append([])
            taken = indent + wide
        together[-1].append(column)
    lines = []
    for row in rows:
        for columns in together:
            cells = [row[at] + " " * (widths[at] - _width(row[at])) for at in columns]
            begin = " " * indent if columns[0] else ""
            if text := "  ".join(cells).strip():
                lines += [begin + part for part in _wrapped(text, max(width - len(begin), 1))]
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    """Return lines of so many columns of a terminal at most, broken between words if possible."""
    lines = []
    while _width(text) > width:
        # Of a character that is wider than a line, there is a line all the same.
        end = 1
        while _width(text[: end + 1]) <= width:
            end += 1
        space = text.rfind(" ", 1, end + 1)
        end = space if space > 0 else end
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, text]


def _fitted(widths: list[int], width: int) -> list[int]:
    """Return widths of columns that fit; as they are where they cannot be made to."""
    over = sum(widths) + 2 * (len(widths) - 1) - width
    *fitted, last = widths
    over -= max(last - _LEAST_WIDTH, 0)
    while over > 0 and fitted and max(fitted) > _LEAST_WIDTH:
        widest = fitted.index(max(fitted))
        fitted[widest] -= 1
        over -= 1
    return widths if over > 0 else [*fitted, last]


def facts_text(rows: Sequence[tuple[str, str] | list[str]], width: int | None = None) -> str:
    """Return names and what is said of them, a line each; of what is longer, more lines.

    >>> print(facts_text([["bytes", "102 B in 1 file, not compressed"]], 24))
    bytes  102 B in 1 file,
           not compressed
    """
    begin = max((_width(name) for name, _ in rows), default=0) + 2
    lines = []
    for name, text in rows:
        space = None if width is None else max(width - begin, 1)
        parts = [text] if space is None else textwrap.wrap(text, space, break_long_words=False)
        for at, part in enumerate(parts or [""]):
            label = "" if at else name
            lines.append((label + " " * (begin - _width(label)) + part).rstrip())
    return "\n".join(lines)


def html_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], caption: str | None = None
) -> str:
    """Return a table as HTML; cells are text, whatever is in them.

    >>> html_table(["a"], [["<b>"]])
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>'
    """
    # Its table of entities is large, and few ask for HTML.
    from html import escape

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}>{escape(printable(cell))}</{tag}>" for cell in cells)

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    title = "" if caption is None else f"<caption>{escape(printable(caption))}</caption>"
    return f"<table>{title}<thead><tr>{line(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _width(text: str) -> int:
    """Return how many columns of a terminal text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )
