"""Values as error messages show them: short, printable, and never an error of their own."""

from __future__ import annotations

import reprlib
from typing import Any

__all__ = ["quote"]


class _Quote(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 120

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to print an integer of more than 4300 digits.
        bits = x.bit_length()
        return super().repr_int(x, level) if bits <= 256 else f"<int of {bits} bits>"

    def repr_bytes(self, x: bytes, level: int) -> str:  # noqa: ARG002
        # A large one is cut before it is printed, not after.
        return repr(x) if len(x) <= self.maxstring else f"{x[: self.maxstring]!r}..."

    def repr_instance(self, x: Any, level: int) -> str:
        text = super().repr_instance(x, level)
        # Tables and their columns have several lines.
        return " ".join(text.split()) if "\n" in text else text

    def repr_ndarray(self, x: Any, level: int) -> str:  # noqa: ARG002
        return f"<array of shape {x.shape} and dtype {x.dtype}>"


quote = _Quote().repr
