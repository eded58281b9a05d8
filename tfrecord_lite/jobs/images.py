"""A directory of images in class folders, as Examples of features with the usual names."""

from __future__ import annotations

import os
import re
import warnings
from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.records.file_system import is_special, list_directory
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tfrecord_lite.jobs.copying import Progress
    from tfrecord_lite.records.frame_writer import FrameWriter

__all__ = ["class_folder", "is_image", "read_images"]

_FORMATS: Final = {
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "gif": re.compile(rb"GIF8[79]a"),
    "bmp": re.compile(rb"BM"),
    "webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")


def class_folder(path: str) -> str | None:
    """Return the first of a directory's folders that has images in it; None where none has."""
    if not os.path.isdir(path):
        return None
    return next((name for name in _folders(path) if any(_images(os.path.join(path, name)))), None)


def is_image(name: str) -> bool:
    """Tell whether a file is called as an image."""
    return name.lower().endswith(_SUFFIXES)


def read_images(
    path: str, writer: FrameWriter, features: Mapping[str, Any] | None, progress: Progress
) -> None:
    """Write an Example for each image, folder after folder, in the order of the names.

    ``image/class/text`` is the folder's name, ``image/class/label`` its number among the sorted
    ones, from 0. `TFRecordError` for a file that is called as an image and is none; other files,
    and folders in these, are passed over, with a warning, and hidden ones without.
    """
    others: list[str] = []
    for label, folder in enumerate(_folders(path)):
        for name in _images(os.path.join(path, folder), others):
            file = os.path.join(path, folder, name)
            with open(file, "rb") as opened:
                data = opened.read()
            writer.write_example(
                {
                    "image/encoded": data,
                    "image/format": _format(file, data),
                    "image/filename": os.fsencode(name),
                    "image/class/label": label,
                    "image/class/text": os.fsencode(folder),
                },
                features,
            )
            if progress is not None:
                progress(file, len(data))
    if others:
        warnings.warn(
            f"{printable(others[0])}: no image by its name, and passed over; {len(others)} such "
            "files in all",
            stacklevel=3,
        )


def _folders(path: str) -> list[str]:
    return [name for name, is_folder in _shown(path) if is_folder]


def _images(folder: str, others: list[str] | None = None) -> Iterator[str]:
    """Yield the names of images; ``others`` takes the paths of what is none, and not hidden."""
    for name, is_folder in _shown(folder):
        if is_image(name) and not is_folder and not is_special(os.path.join(folder, name)):
            yield name
        elif others is not None:
            others.append(os.path.join(folder, name))


def _shown(path: str) -> list[tuple[str, bool]]:
    return [entry for entry in list_directory(path, special=True) if entry[0][0] != "."]


def _format(file: str, data: bytes) -> str:
    for name, magic in _FORMATS.items():
        if magic.match(data):
            return name
    raise TFRecordError(
        f"no JPEG, PNG, GIF, BMP or WebP image, but {len(data)} bytes that begin with "
        f"{data[:8]!r}; remove or mend it",
        path=file,
    )
