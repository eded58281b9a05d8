"""What `make docs` hands to the site's generator; whether that builds it, `.ci/run` sees."""

from __future__ import annotations

import json
import sys

import pytest
from pages import ROOT

import tfrecord_lite


@pytest.fixture(scope="module")
def site():
    """Return the module that builds the site, and with it those beside it."""
    sys.path.insert(0, str(ROOT / "docs" / "site"))
    try:
        import build

        yield build
    finally:
        sys.path.remove(str(ROOT / "docs" / "site"))


@pytest.fixture(scope="module")
def prepared(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "output"
    return site.prepare(folder)


def places_of(prepared) -> list[str]:
    nav = json.loads(prepared.read_text("utf-8").rpartition("\nnav: ")[2])
    places = []
    while nav:
        (value,) = nav.pop().values()
        if isinstance(value, str):
            places.append(value)
        else:
            nav += value
    return places


def test_every_page_is_in_the_navigation(prepared) -> None:
    places = places_of(prepared)
    assert len(set(places)) == len(places)
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= set(places)
    for place in places:
        assert (prepared.parent / "docs" / place).stat().st_size > 0


def test_all_public_names_are_in_the_reference(prepared) -> None:
    folder = prepared.parent / "docs" / "reference"
    text = "".join(page.read_text("utf-8") for page in folder.glob("*.md"))
    named = [line.rpartition(".")[2] for line in text.splitlines() if line.startswith("::: ")]
    assert set(tfrecord_lite.__all__) - {"__version__"} <= set(named)
    for world in ("torch", "tensorflow", "arrow", "jobs"):
        assert (folder / f"{world}.md").exists()


def test_all_modules_are_in_the_reference(site) -> None:
    """A module of the package is a part of the reference, or is known to be none."""
    import reference

    inner = {
        "byte_strings",
        "cli",
        "compat",
        "parallel",
        "stores",
        "text",
        "thresholds",
        "urls",
        "view",
    }
    parts = {
        path.stem
        for path in (ROOT / "tfrecord_lite").iterdir()
        if not path.name.startswith("_")
        and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert parts - inner <= {*reference.WINGS, *reference.WORLDS}


def test_each_command_has_its_options(prepared) -> None:
    text = (prepared.parent / "docs" / "command-line.md").read_text("utf-8")
    sections = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    assert {"info", "verify", "salvage", "shard", "convert"} <= set(sections)
    assert "`--split SHARES`" in sections["shard"]
    assert "`-n, --records N`" in sections["head"]
    assert "default: 5" in sections["head"]


def test_links_to_what_the_site_does_not_show_become_text(site, tmp_path) -> None:
    from sources import copy_pages

    copy_pages(["docs/benchmarks.md", "examples/README.md"], tmp_path)
    text = (tmp_path / "benchmarks.md").read_text("utf-8")
    assert text.count("](benchmarks/columns.svg)") == 2  # the picture, and its link to itself
    assert (tmp_path / "benchmarks" / "columns.svg").exists()
    text = (tmp_path / "examples" / "index.md").read_text("utf-8")
    assert "| quickstart.py |" in text
    assert "](cifar10/index.md)" in text


def test_nothing_is_fetched_from_other_hosts() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert "font: false" in text
    assert "http" not in text
