r"""What a record that is no Example looks like, for the error that refuses it.

Told by the fields at top level, which differ::

    Example          0a Features
    SequenceExample  0a Features (the context), 12 FeatureLists
    an ELWC          0a Example, 0a Example, ..., 12 Example (the context)
    an event         09 wall time, 10 step, 1a version or 2a summary, ...

An ELWC is TensorFlow Ranking's ExampleListWithContext.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.wire import read_fields
from tfrecord_lite.records.identify import looks_like

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["description_of", "is_list_of_examples", "is_sequence_example", "name_of_other"]

_FIRST: Final = 0x0A
_SECOND: Final = 0x12
_EVENT: Final = 0x09
_HEAD_BYTES: Final = 512
_SEQUENCE: Final = (
    "a SequenceExample: decode_sequence_example and parse_sequence_example read these, and "
    "features=SequenceFeatures(...) as columns"
)
_LIST: Final = (
    "an ExampleListWithContext: its field 1 holds Examples, which decode_example reads one by one"
)


def is_list_of_examples(data: bytes, features: Mapping[str, object]) -> bool:
    r"""Tell whether ``data``, which was decoded as an Example with these features, is an ELWC.

    It has no context then. What there is a map of features is read as an entry here, without a
    value, and a whole entry as a name.

    >>> entry = b"\n\x05label\x12\x05\x1a\x03\n\x01\x03"
    >>> example = b"\n\x10\n\x0e" + entry
    >>> is_list_of_examples(b"\n\x12" + example, {entry.decode(): None})
    True
    """
    if any(value is not None for value in features.values()):
        return False
    if not features or not all(_is_entry(name.encode()) for name in features):
        return False
    return description_of(data) == _LIST


def _is_entry(data: bytes) -> bool:
    fields = dict(_fields(data))
    return set(fields) == {_FIRST, _SECOND}


def description_of(data: bytes) -> str | None:
    r"""Say what a record that is no Example looks like, or None.

    >>> description_of(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    'a JPEG image'
    """
    fields = _fields(data)
    tags = {tag for tag, _ in fields}
    if tags and tags <= {_FIRST, _SECOND}:
        # The first field of an Example begins with the tag of a whole Features message.
        lists = [content for tag, content in fields if tag == _FIRST and content]
        if lists and all(map(_is_example, lists)):
            return _LIST
        return _SEQUENCE if _SECOND in tags else None
    if fields and fields[0][0] == _EVENT:
        return "a TensorBoard event"
    kind = looks_like(data[:_HEAD_BYTES]) if data.strip(b"\0") else None
    return kind and kind.partition(":")[0]


def name_of_other(data: bytes) -> str:
    r"""Say in a word or two what a record is that is no Example; of one that is, that it is broken.

    >>> name_of_other(b"\xff\xd8\xff\xe0\x00\x10JFIF"), name_of_other(b"\xfe\xfe")
    ('JPEG image', 'other bytes')
    """
    found = (description_of(data) or "other bytes").partition(":")[0]
    name = found.removeprefix("an ").removeprefix("a ")
    return f"broken {name}" if name == "SequenceExample" else name


def is_sequence_example(data: bytes) -> bool:
    r"""Tell whether a record has the fields of a SequenceExample, feature lists among them.

    >>> is_sequence_example(b"\n\x00\x12\x00"), is_sequence_example(b"\n\x00")
    (True, False)
    """
    data = bytes(data)
    return _SECOND in dict(_fields(data)) and description_of(data) == _SEQUENCE


def _is_example(data: bytes) -> bool:
    """Tell an Example from the Features that a SequenceExample has in the same place."""
    outer = _fields(data)
    if [tag for tag, _ in outer] != [_FIRST]:
        return False
    # Features hold entries, with keys and values; an entry does not.
    entries = _fields(outer[0][1])
    return all(tag == _FIRST and _is_entry(content) for tag, content in entries)


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of the fields of a message, up to where it is none."""
    found = []
    with suppress(ExampleError):
        for tag, begin, end in read_fields(data, [(0, len(data))], 0):
            found.append((tag, data[begin:end]))
    return found
