"""Which variants of a test run every time, and which in `make test-long` alone.

A test that goes through many cases of one kind has a sample of them in every run, the same each
time, and all of them in the long run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

__all__ = ["few_or_many", "first"]


def first(count: int, values: Iterable[Any]) -> list[Any]:
    """Return values to parametrize a test with, all but so many of them for the long run."""
    return [
        value if number < count else pytest.param(value, marks=pytest.mark.long)
        for number, value in enumerate(values)
    ]


def few_or_many(name: str, few: int, many: int) -> pytest.MarkDecorator:
    """Parametrize a test with how many cases it goes through, or in steps of how many."""
    return pytest.mark.parametrize(
        name, [few, pytest.param(many, marks=pytest.mark.long, id="long")]
    )
