"""What is done with a writer of records, and what must come of it.

A case is a function of ``open_writer(path, compression)`` and a path that is free; it returns what
happened in a few words. `WRITING` has the cases by name, each with what must happen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frames import frame

Case = Callable[[Any, Path], str]


def tried(action: Callable[[], Any]) -> str:
    """Tell whether a call is refused, by an exception of whatever name."""
    try:
        action()
    except TypeError:
        return "TypeError"
    except Exception:
        return "refused"
    return "done"


def several(*actions: Callable[[], Any]) -> str:
    return ", ".join(map(tried, actions))


def writes(value: Any) -> Case:
    """Write one value that may be no record, and a record after it."""

    def case(open_writer: Any, path: Path) -> str:
        with open_writer(path) as writer:
            result = tried(lambda: writer.write(value))
            writer.write(b"after")
        written = frame(b"value") if result == "done" else b""
        assert path.read_bytes() == written + frame(b"after")
        return result

    return case


def after_close(open_writer: Any, path: Path) -> str:
    writer = open_writer(path)
    writer.write(b"a")
    writer.close()
    result = several(lambda: writer.write(b"b"), writer.flush, writer.close)
    assert path.read_bytes() == frame(b"a")
    return result


def flushed(open_writer: Any, path: Path) -> str:
    with open_writer(path) as writer:
        writer.write(b"a")
        writer.flush()
        return "all is there" if path.exists() and path.read_bytes() == frame(b"a") else "no file"


def exception_inside(open_writer: Any, path: Path) -> str:
    with pytest.raises(KeyError), open_writer(path) as writer:
        writer.write(b"a")
        raise KeyError
    return "no file" if not path.exists() else f"{path.stat().st_size // 17} record"


def over_another(open_writer: Any, path: Path) -> str:
    path.write_bytes(b"old")
    with open_writer(path) as writer:
        writer.write(b"a")
        result = "the old one stands" if path.read_bytes() == b"old" else "the old one is gone"
    assert path.read_bytes() == frame(b"a")
    return result


def full_disk(*steps: str) -> Case:
    def case(open_writer: Any, path: Path) -> str:
        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full")
        writer = open_writer(Path("/dev/full"))
        writer.write(b"a")
        calls = {"write": lambda: writer.write(b"a"), "flush": writer.flush, "close": writer.close}
        result = several(*(calls[step] for step in steps))
        several(writer.close, writer.close)  # or it is tried once more when the program ends
        return result

    return case


def opened_as(compression: Any) -> Case:
    def case(open_writer: Any, path: Path) -> str:
        result = tried(lambda: open_writer(path, compression))
        assert not path.exists()
        return result

    return case


def opened_at(name: str) -> Case:
    return lambda open_writer, path: tried(lambda: open_writer(path.parent / name))


WRITING: dict[str, tuple[Case, str]] = {
    "write bytes": (writes(b"value"), "done"),
    "write a bytearray": (writes(bytearray(b"value")), "done"),
    "write a memoryview": (writes(memoryview(b"value")), "done"),
    "write an array of uint8": (writes(np.frombuffer(b"value", np.uint8)), "done"),
    "write NumPy's bytes": (writes(np.bytes_(b"value")), "done"),
    "write text": (writes("value"), "TypeError"),
    "write text that is not Unicode": (writes("\ud800"), "TypeError"),
    "write None": (writes(None), "TypeError"),
    "write a number": (writes(5), "TypeError"),
    "write a list": (writes([b"value"]), "TypeError"),
    "write, flush and close again after close": (after_close, "refused, refused, done"),
    "look at the file after flush": (flushed, "no file"),
    "an exception inside `with`": (exception_inside, "no file"),
    "write over another file": (over_another, "the old one stands"),
    "a full disk: flush, close": (full_disk("flush", "close"), "refused, refused"),
    "a full disk: flush, write": (full_disk("flush", "write"), "refused, refused"),
    "a full disk: close, close": (full_disk("close", "close"), "refused, done"),
    "a compression of another name": (opened_as("gzip"), "refused"),
    "a compression that is a number": (opened_as(5), "refused"),
    "a folder that is not there": (opened_at("no/file"), "refused"),
    "the name of a folder": (opened_at(""), "refused"),
}
