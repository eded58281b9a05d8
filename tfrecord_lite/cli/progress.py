"""One bar for all the files of a command, on a terminal's standard error."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tfrecord_lite.records.file_system import known_sizes
from tfrecord_lite.text import printable
from tfrecord_lite.urls import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tfrecord_lite._types import PathOrFile

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(
    files: Sequence[PathOrFile], *, passes: int = 1
) -> Iterator[Callable[[str, int], object] | None]:
    """Show how far the reading of files is, how fast it goes, and how long it will take.

    In each of some ``passes`` there is as much to do as the files have bytes.

    Gives a function to be called with a file's name and how many of its bytes, as it lies on the
    disk, have been read; None where nobody looks.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    with Progress(
        TextColumn("{task.fields[file]}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False, highlight=False),
        transient=True,
        redirect_stdout=False,
    ) as progress:
        sizes = known_sizes([file for file in files if isinstance(file, str)])
        # The length of a pipe is not known beforehand.
        total = passes * sum(sizes) if len(sizes) == len(files) else None
        task = progress.add_task("", total=total, file="")
        done: dict[str, int] = {}

        def show(path: str, position: int) -> None:
            before = done.get(path, 0)
            # A file that is read from its front once more.
            before = before if position >= before else 0
            progress.update(
                task,
                advance=position - before,
                file=printable(os.path.basename(shown(path))),
            )
            done[path] = position

        yield show
