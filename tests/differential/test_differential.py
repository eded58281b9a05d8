"""No way from records to columns or back gives anything but what reading one by one gives.

A fixed part of what ``make soak`` goes on with: the same ways, over other seeds.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from differential.settings import SETTINGS, applied
from differential.ways import SLOW, WAYS, Case, make_case, mixed_lengths, run
from variants import few_or_many

# The ways that differ in what they do below `parse_example`, for each threshold.
CHEAP = (
    "parse_block",
    "parse_picked",
    "read_batches",
    "record_file",
    "dataset_shuffled",
    "sequences",
    "encode",
    "encode_sequences",
)


@few_or_many("seeds", 3, 9)
@pytest.mark.parametrize("way", WAYS)
def test_rows_stay_together(way: str, seeds: int) -> None:
    if way.startswith("make_dataset") and find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed")
    some = range(1, 1 + seeds // (3 if way in SLOW else 1))
    assert sum(run(way, seed) for seed in some) > 0


@pytest.mark.parametrize("way", [way for way in WAYS if way not in SLOW])
def test_rows_stay_together_where_many_have_each_length(way: str, tmp_path: Path) -> None:
    case = mixed_lengths(tmp_path)
    WAYS[way](case)
    assert case.oracle.rows > 0


@cache
def small_case(seed: int) -> Case:
    """Make a case once for all settings, its oracle by the thresholds as they are."""
    return make_case(seed, Path(), most=300, padded=False)


@few_or_many("seeds", 1, 6)
@pytest.mark.parametrize("setting", SETTINGS)
def test_rows_stay_together_on_both_sides_of_each_threshold(
    setting: str, seeds: int, tmp_path: Path
) -> None:
    cases = [small_case(seed) for seed in range(20, 20 + seeds)]
    for case in cases:
        case.folder = tmp_path
        case.random.seed(setting)
        for way in CHEAP:
            with applied(setting):
                WAYS[way](case)
    assert min(case.oracle.rows for case in cases) > 0
