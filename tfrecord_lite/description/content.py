r"""What byte strings hold: images and their sizes, sound, text, messages.

Formats are told by their magic numbers, and sizes read from the headers that the formats have: PNG
(ISO/IEC 15948), JPEG (ITU-T T.81, the SOF markers), GIF89a, WebP (RFC 9649), RIFF/WAVE.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tfrecord_lite.errors import ExampleError, TFRecordError
from tfrecord_lite.example.decode import decode_example
from tfrecord_lite.example.tensor import parse_tensor
from tfrecord_lite.example.wire import read_tag, skip_field
from tfrecord_lite.text import is_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Content", "Contents", "content_of", "media_type"]

_MAGIC: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"fLaC", "FLAC"),
    (b"OggS", "Ogg"),
    (b"ID3", "MP3"),
    (b"\x93NUMPY", "NumPy array"),
    (b"PK\x03\x04", "zip archive"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"%PDF-", "PDF"),
    (b"\x80\x04\x95", "pickle"),
    (b"\x80\x05\x95", "pickle"),
)
_RIFF: Final = {b"WEBP": "WebP", b"WAVE": "WAV", b"AVI ": "AVI"}
_MEDIA: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WebP": "image/webp",
    "BMP": "image/bmp",
    "WAV": "audio/wav",
    "FLAC": "audio/flac",
    "Ogg": "audio/ogg",
    "MP3": "audio/mpeg",
}
# As far as is looked for what text or JSON is.
_HEAD: Final = 4096
# Characters that are not seen are in texts: joiners, no-break spaces, marks of direction.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_JSON_BYTES: Final = 1 << 16
_MESSAGE_BYTES: Final = 1 << 20
_LEAST_MESSAGE: Final = 16
# Fields of messages that people write have small numbers, and are no groups.
_MOST_FIELD: Final = 31
_GROUPS: Final = (3, 4)


class Content(NamedTuple):
    """What a byte string holds; of an image ``size`` is width and height in pixels."""

    kind: str
    size: tuple[int, int] | None = None

    def __str__(self) -> str:
        return self.kind if self.size is None else f"{self.kind} {self.size[0]}x{self.size[1]}"


def content_of(data: bytes) -> Content:
    r"""Say what a byte string holds.

    >>> [str(content_of(data)) for data in (b"GIF89a\x10\x00\x08\x00", b"a cat", b"\xff")]
    ['GIF 16x8', 'UTF-8 text', 'raw bytes']
    """
    if not data:
        return Content("nothing")
    kind = next((name for magic, name in _MAGIC if data.startswith(magic)), None)
    if data[:4] == b"RIFF":
        kind = _RIFF.get(data[8:12], kind)
    if data[:2] == b"BM" and (len(data) < 26 or data[6:10] != bytes(4)):
        kind = None
    if kind is not None:
        size = None
        with suppress(struct.error, IndexError):
            size = _size_of(kind, data)
        return Content(kind, size)
    if _is_text(data):
        return Content("JSON" if _is_json(data) else "UTF-8 text")
    return Content(_message_kind(data) or "raw bytes")


def media_type(data: bytes) -> str | None:
    r"""Return the media type of an image or sound that browsers know; None of anything else.

    >>> media_type(b"\xff\xd8\xff\xe0"), media_type(b"text")
    ('image/jpeg', None)
    """
    return _MEDIA.get(content_of(data).kind)


def _size_of(kind: str, data: bytes) -> tuple[int, int] | None:
    if kind == "PNG" and data[12:16] == b"IHDR":
        return struct.unpack_from(">II", data, 16)
    if kind == "GIF":
        return struct.unpack_from("<HH", data, 6)
    if kind == "BMP":
        width, height = struct.unpack_from("<ii", data, 18)
        return width, abs(height)
    if kind == "JPEG":
        return _size_of_jpeg(data)
    if kind == "WebP":
        return _size_of_webp(data)
    return None


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker in (0x01, *range(0xD0, 0xD9)):
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _size_of_webp(data: bytes) -> tuple[int, int] | None:
    form = data[12:16]
    if form == b"VP8X":
        return tuple(1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))  # type: ignore[return-value]
    if form == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _is_text(data: bytes) -> bool:
    head = data[:_HEAD]
    for cut in range(4 if len(data) > _HEAD else 1):
        # A character may be cut.
        with suppress(UnicodeDecodeError):
            text = head[: len(head) - cut].decode()
            return _CONTROL.search(text) is None
    return False


def _is_json(data: bytes) -> bool:
    return len(data) <= _JSON_BYTES and data.lstrip()[:1] in (b"{", b"[") and is_json(data)


def _message_kind(data: bytes) -> str | None:
    """Say which message it may be, where it is one that must be read to be told."""
    # A TensorProto that is anything begins with its dtype, an Example with its features.
    if data[0] == 0x08 and len(data) <= _MESSAGE_BYTES:
        with suppress(TFRecordError, ValueError, TypeError):
            tensor = parse_tensor(data)
            return f"TensorProto {tensor.dtype.name} {list(tensor.shape)}"
    if data[0] == 0x0A and len(data) <= _MESSAGE_BYTES:
        with suppress(TFRecordError, ValueError):
            if decode_example(data):
                return "serialized Example"
    return "protobuf" if _is_message(data) else None


def _is_message(data: bytes) -> bool:
    """Tell whether bytes are fields of a protobuf, in order as serializers write them.

    Of 10,000 byte strings of 16 random bytes less than 10 are taken for one, of longer ones less.
    """
    if not _LEAST_MESSAGE <= len(data) <= _MESSAGE_BYTES:
        return False
    position = last = fields = 0
    try:
        while position < len(data):
            tag, position = read_tag(data, position, len(data))
            if not last <= tag >> 3 <= _MOST_FIELD or tag >> 3 == 0 or tag & 7 in _GROUPS:
                return False
            position = skip_field(data, tag, position, len(data), 0)
            last, fields = tag >> 3, fields + 1
    except ExampleError:
        return False
    return fields > 1


class Contents:
    """What a sample of byte strings holds: of each kind how many, and between which sizes."""

    # As many kinds are told apart.
    _MOST: Final = 20

    def __init__(self) -> None:
        self.looked_at = 0
        self.kinds: Counter[str] = Counter()
        self._sizes: dict[str, tuple[int, int, int, int]] = {}

    def add(self, data: bytes) -> None:
        """Look at one."""
        content = content_of(data)
        kind = content.kind
        if kind not in self.kinds and len(self.kinds) >= self._MOST:
            kind = "others"
        self.looked_at += 1
        self.kinds[kind] += 1
        if content.size is not None:
            self._extend(kind, (*content.size, *content.size))

    def merge(self, other: Contents) -> None:
        """Add all that was looked at by another one."""
        self.looked_at += other.looked_at
        self.kinds += other.kinds
        for kind, sizes in other._sizes.items():
            self._extend(kind, sizes)

    def _extend(self, kind: str, sizes: tuple[int, int, int, int]) -> None:
        known = self._sizes.get(kind, sizes)
        least = min(known[0], sizes[0]), min(known[1], sizes[1])
        self._sizes[kind] = *least, max(known[2], sizes[2]), max(known[3], sizes[3])

    def __repr__(self) -> str:
        return f"<Contents: {self}>"

    def __str__(self) -> str:
        return ", ".join(self._text(kind) for kind, _ in self.kinds.most_common(3))

    def _text(self, kind: str) -> str:
        if kind not in self._sizes:
            return kind
        width, height, widest, highest = self._sizes[kind]
        largest = "" if (width, height) == (widest, highest) else f" to {widest}x{highest}"
        return f"{kind} {width}x{height}{largest}"

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        sizes: Mapping[str, Any] = self._sizes
        return {
            "looked_at": self.looked_at,
            "kinds": dict(self.kinds),
            "pixels": {
                kind: {"min": list(found[:2]), "max": list(found[2:])}
                for kind, found in sizes.items()
            },
        }
