"""What the fuzzer has found stays found; and each target is fuzzed a little, without coverage."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.seeds import seeds
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("name", FILES)
def test_corpus(name: str) -> None:
    target = TARGETS[name.partition("/")[0]]
    target((CORPUS / name).read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    results = {TARGETS[name](data) for data in seeds(name)}
    assert len(results) > 1, "all the same"


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name: str) -> None:
    target = TARGETS[name]

    @settings(
        max_examples=400,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=300))
    def check(data: bytes) -> None:
        target(data)

    check()


def test_the_corpus_is_small() -> None:
    sizes = [(CORPUS / name).stat().st_size for name in FILES]
    assert len(sizes) < 200
    assert sum(sizes) < 1 << 20
