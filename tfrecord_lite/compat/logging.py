"""``tf.logging`` of TensorFlow 1: messages on standard error, warnings and worse at first.

The logger is that of Python's ``logging`` by the name ``tfrecord_lite``; where a program has set up
handlers of its own, these get the messages.
"""

from __future__ import annotations

import logging as _logging
from collections import defaultdict
from itertools import count
from typing import Any

from tfrecord_lite.compat._missing import missing

__all__ = [
    "DEBUG",
    "ERROR",
    "FATAL",
    "INFO",
    "WARN",
    "debug",
    "error",
    "fatal",
    "flush",
    "get_verbosity",
    "info",
    "log",
    "log_every_n",
    "log_first_n",
    "log_if",
    "set_verbosity",
    "vlog",
    "warn",
    "warning",
]

__getattr__ = missing("tf.logging")

DEBUG = _logging.DEBUG
INFO = _logging.INFO
WARN = _logging.WARNING
ERROR = _logging.ERROR
FATAL = _logging.CRITICAL

_logger = _logging.getLogger("tfrecord_lite")
# By message, how often log_every_n and log_first_n were called before.
_calls: defaultdict[str, count[int]] = defaultdict(count)


def log(level: int, msg: object, *args: Any, **kwargs: Any) -> None:
    """Log a message, ``msg % args``, at a level."""
    if not _logger.handlers and not _logging.getLogger().handlers:
        handler = _logging.StreamHandler()
        handler.setFormatter(_logging.Formatter(_logging.BASIC_FORMAT))
        _logger.addHandler(handler)
    if _logger.level == _logging.NOTSET:
        _logger.setLevel(WARN)
    _logger.log(level, msg, *args, **kwargs)


def debug(msg: object, *args: Any, **kwargs: Any) -> None:
    """Log a message that helps to find a fault."""
    log(DEBUG, msg, *args, **kwargs)


def info(msg: object, *args: Any, **kwargs: Any) -> None:
    """Log what happens."""
    log(INFO, msg, *args, **kwargs)


def warning(msg: object, *args: Any, **kwargs: Any) -> None:
    """Log a warning."""
    log(WARN, msg, *args, **kwargs)


def error(msg: object, *args: Any, **kwargs: Any) -> None:
    """Log an error."""
    log(ERROR, msg, *args, **kwargs)


def fatal(msg: object, *args: Any, **kwargs: Any) -> None:
    """Log an error at the highest level; the program goes on."""
    log(FATAL, msg, *args, **kwargs)


warn = warning
vlog = log


def log_if(level: int, msg: object, condition: object, *args: Any) -> None:
    """Log a message if a condition holds."""
    if condition:
        log(level, msg, *args)


def log_every_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Log a message at the first of each ``n`` calls with it."""
    log_if(level, msg, next(_calls[msg]) % n == 0, *args)


def log_first_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Log a message at the first ``n`` calls with it."""
    log_if(level, msg, next(_calls[msg]) < n, *args)


def set_verbosity(v: int) -> None:
    """Log from this level on."""
    _logger.setLevel(v)


def get_verbosity() -> int:
    """Return the level from which on messages are logged."""
    return _logger.level or WARN


def flush() -> None:
    """Have all messages written."""
    for handler in _logger.handlers:
        handler.flush()
