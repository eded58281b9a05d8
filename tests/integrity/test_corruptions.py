"""Random damage of every kind, some hundred times; `corrupting.py` does as many as one likes."""

from __future__ import annotations

import random

import pytest
from integrity.corrupting import CODECS, CORRUPTIONS, Damaged, judge, make_original, read, run_one
from variants import few_or_many

from tfrecord_lite.integrity.salvage import salvage


@few_or_many("cases", 20, 120)
@pytest.mark.parametrize("codec", CODECS)
def test_row_05_random_corruptions(codec: str, cases: int, tmp_path, injected) -> None:
    for seed in range(cases):
        run_one(seed, str(tmp_path), codec)
    injected(cases)


@pytest.mark.parametrize("seed", [200111164, 500084828, 600234635])
def test_row_05_what_a_million_found(seed: int, tmp_path) -> None:
    run_one(seed, str(tmp_path), each=20)


@few_or_many("cases", 8, 30)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_row_14_one_corruption_costs_no_record_that_it_did_not_touch(
    name: str, cases: int, tmp_path, injected
) -> None:
    """One of a kind, and salvage instead of a reader: nothing is excused but copies inside."""
    excuses = 0
    for seed in range(cases):
        rng = random.Random(seed)
        original = make_original(rng, "plain")
        damaged = Damaged.of(original.data)
        if not len(damaged.data):
            continue
        CORRUPTIONS[name](rng, damaged)
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(damaged.data.tobytes())
        report = salvage(source, target, compression=None, overwrite=True)
        found = read(source, "plain")
        excuses += judge(original, damaged, found)
        assert report.files[0].damage == found.damage
        rescued = read(target, "plain")
        assert rescued.damage == []
        assert [record for _, record in rescued.records] == [record for _, record in found.records]
        size = report.files[0].raw_bytes + report.files[0].damaged_bytes
        assert size == source.stat().st_size
    assert excuses == 0 or name in ("copy_over", "duplicate")
    injected(cases)
