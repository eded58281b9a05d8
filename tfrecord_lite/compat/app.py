"""``tf.app`` of TensorFlow 1: the program that a script is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from tfrecord_lite.compat import flags
from tfrecord_lite.compat._missing import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["flags", "run"]

__getattr__ = missing("tf.app")


def run(
    main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None
) -> NoReturn:
    """Parse the flags, call ``main``, and leave the program with what it returns.

    ``main`` is that of the script where it is not given; it gets the arguments that are no flags,
    the script's name first, and, as in TensorFlow, flags that nobody defined are among these.
    ``argv`` is ``sys.argv`` where it is not given.

    Raises ``SystemExit``: with what ``main`` returns; with 1 where a flag has a wrong value, where
    one is missing, or after ``--help``.

    >>> run(lambda argv: print("called with", argv), ["script.py", "file"])
    Traceback (most recent call last):
    SystemExit
    """
    arguments = sys.argv if argv is None else list(argv)
    try:
        rest = flags.FLAGS(arguments, known_only=True)
    except flags.Error as error:
        print(f"{arguments[0]}: {error}\nPass --help to see the flags.", file=sys.stderr)
        sys.exit(1)
    if main is None:
        main = sys.modules["__main__"].main
    sys.exit(main(rest))
