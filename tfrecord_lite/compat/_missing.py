"""One clear message for every name of TensorFlow's that is not here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["missing"]


def missing(namespace: str) -> Callable[[str], NoReturn]:
    """Make the ``__getattr__`` of a module that stands for ``namespace``."""

    def refuse(name: str) -> NoReturn:
        raise AttributeError(
            "tfrecord_lite.compat has the writing half of TensorFlow's record tutorials, and files "
            "are read by tfrecord_lite.read_records, read_batches and Dataset; "
            f"{namespace}.{name} needs TensorFlow itself"
        )

    return refuse
