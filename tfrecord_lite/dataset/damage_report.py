"""Damage as lines of a file, for those who read in processes that others started."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records.storage import name_of, path_of
from tfrecord_lite.text import printable
from tfrecord_lite.urls import absolute, is_url, shown

if TYPE_CHECKING:
    from tfrecord_lite._types import Paths
    from tfrecord_lite.errors import Damage

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows, where two processes may write the same line
    fcntl = None

__all__ = ["DamageReport", "absolute_paths", "reported"]


class DamageReport:
    """An ``on_damage`` that can be pickled: it appends each region to a file as a line of JSON.

    Several processes may append to one file; a region that is in it already, of another process or
    of an earlier epoch, is not written again. Without a path nothing is written.

    >>> import tempfile, pathlib, tfrecord_lite as tfr
    >>> path = pathlib.Path(tempfile.mkdtemp(), "damage.jsonl")
    >>> for _ in range(2):
    ...     DamageReport(path)(tfr.Damage("a", 19, 37, 1, "truncated", "it ends"))
    >>> print(path.read_text().strip())
    {"path": "a", "begin": 19, "end": 37, "record": 1, "kind": "truncated", "reason": "it ends"}
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path: str | None = None
        if path is not None:
            name = path_of(path)
            if is_url(name):
                raise ValueError(
                    f"report={shown(name)!r}: lines are appended to it, and an object is written "
                    "whole; pass the path of a file"
                )
            # Who reads may have another working directory.
            self.path = os.path.abspath(name)
        self._written: set[Damage] = set()

    def __call__(self, damage: Damage) -> None:
        """Append a line."""
        if self.path is None or damage in self._written:
            return
        known = damage._asdict()
        if damage.path is not None:
            known["path"] = shown(damage.path)
        line = json.dumps(known).encode() + b"\n"
        with open(self.path, "a+b", buffering=0) as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if line not in file.read().splitlines(keepends=True):
                file.write(line)
        self._written.add(damage)


def absolute_paths(paths: Any) -> Any:
    """Return paths that mean the same in processes with another working directory.

    ``TypeError`` for an open file, which is open in this process alone.

    >>> import os
    >>> absolute_paths(["a", "s3://b/c"]) == [os.path.join(os.getcwd(), "a"), "s3://b/c"]
    True
    """
    if isinstance(paths, (list, tuple)):
        return [absolute_paths(path) for path in paths]
    for file in paths.files if isinstance(paths, RecordSet) else [paths]:
        if hasattr(file, "read"):
            raise TypeError(
                f"{printable(name_of(file))}: an open file is open in this process alone, and "
                "others are to read it; pass the path of a file"
            )
    if not isinstance(paths, (str, bytes, os.PathLike)):
        return paths
    # Not normalized: what a symbolic link leads to has another parent.
    return absolute(name_of(paths))


def reported(
    paths: Paths | RecordSet,
    on_damage: str,
    report: DamageReport,
    *,
    wants_path: bool = False,
    **options: Any,
) -> RecordSet:
    """Return a set to be read in processes of others: "report" means that ``report`` is called.

    ``TypeError`` for an ``on_damage`` that is a function: it would be called in copies, each in its
    process; ``ValueError`` for a report that nothing would be written to, and, where it
    ``wants_path``, for one without a path.
    """
    if wants_path and on_damage == "report" and report.path is None:
        raise ValueError(
            "on_damage='report' wants report=, the path of a file for what is left out"
        )
    given: Any = paths.options["on_damage"] if isinstance(paths, RecordSet) else on_damage
    if callable(given):
        raise TypeError(
            f"on_damage={given!r}: in processes of other libraries a function would be called in "
            "copies; pass on_damage='report', with report= the path of a file for what is left out"
        )
    if on_damage not in ("raise", "report"):
        raise ValueError(f"on_damage={on_damage!r}; choose 'raise' or 'report'")
    if on_damage == "raise" and report.path is not None:
        raise ValueError("report= is of use with on_damage='report' alone")
    how: Any = report if on_damage == "report" else "raise"
    return RecordSet.of(paths, on_damage=how, **options)
