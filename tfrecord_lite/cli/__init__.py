"""The ``tfrecord-lite`` command: it parses arguments, calls the library and prints.

It needs the extra: ``pip install 'tfrecord-lite-np[cli]'``.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_UNUSABLE = 2
# As a shell reports a command that Ctrl-C ended.
_INTERRUPTED = 130


def main(args: list[str] | None = None) -> None:
    """Run the command and exit; the entry point of ``tfrecord-lite``.

    Without typer and rich it ends with exit code 2 and a line that says how to get them.
    """
    try:
        _run(args)
    except KeyboardInterrupt:
        # While modules are loaded; later the command sees to it.
        sys.exit(_INTERRUPTED)


def _run(args: list[str] | None) -> None:
    try:
        import rich  # noqa: F401 - imported by what prints tables and progress, later
        import typer  # noqa: F401
    except ImportError as error:
        print(
            f"tfrecord-lite: the command needs typer and rich ({error}): "
            "pip install 'tfrecord-lite-np[cli]', or in a checkout pip install '.[cli]'",
            file=sys.stderr,
        )
        sys.exit(_UNUSABLE)
    from tfrecord_lite.cli import app

    app.main(args)
