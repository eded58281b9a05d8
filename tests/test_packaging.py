"""What pyproject.toml says is what the code needs, and what goes into the packages is complete."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tfrecord_lite

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest needs it there

ROOT = Path(__file__).parents[1]
PACKAGE = Path(tfrecord_lite.__file__).parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CORE = {"numpy", "crc32c", "protobuf"}
DISTRIBUTIONS = {"google": "protobuf", "PIL": "pillow", "apache_beam": "apache-beam"}
# The package that gives NumPy bfloat16 and its like is asked for where there is such a tensor.
BY_VALUE = {"ml_dtypes"}


def names_of(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the distributions that the code imports, but for those that type checkers alone see."""
    if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        return
    names = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
    for name in {name.split(".")[0] for name in names}:
        if name not in sys.stdlib_module_names | {"tfrecord_lite"}:
            yield DISTRIBUTIONS.get(name, name)
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


def test_core_dependencies_are_three():
    assert names_of(PROJECT["project"]["dependencies"]) == CORE


def test_every_import_is_of_a_dependency_or_of_an_extra():
    found = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in imported(ast.parse(path.read_text(encoding="utf-8")))
    }
    extras = PROJECT["project"]["optional-dependencies"]
    assert found == CORE | BY_VALUE | {
        name for extra in extras.values() for name in names_of(extra)
    }


def test_the_core_loads_without_the_extras(tmp_path):
    extras = ["typer", "rich", "click", "PIL", "isal", "tensorflow", "ml_dtypes"]
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({extras}))\n"
        "import tfrecord_lite as tfr, tfrecord_lite.compat\n"
        "from tfrecord_lite import *\n"
        "tfr.write_examples(sys.argv[1], {'label': [1, 2, 3]})\n"
        "print(sum(batch['label'].sum() for batch in tfr.read_batches(sys.argv[1])))\n"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "a.tfrecord.gz")]
    assert subprocess.check_output(command, text=True) == "6\n"


ENTRY = PROJECT["project"]["scripts"]["tfrecord-lite"].replace(":", " import ")
STARTS = {
    "the entry point": f"from {ENTRY} as start; start()",
    "python -m": "import runpy; runpy.run_module('tfrecord_lite', run_name='__main__')",
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_the_command_says_how_to_get_what_it_needs(start, missing):
    program = f"import sys; sys.modules[{missing!r}] = None; sys.argv[1:] = ['info', 'a']; {start}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert missing in done.stderr
    assert "pip install 'tfrecord-lite-np[cli]'" in done.stderr
    assert "pip install '.[cli]'" in done.stderr


def test_texts_name_extras_that_are_there():
    extras = {*PROJECT["project"]["optional-dependencies"]}
    paths = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *PACKAGE.rglob("*.py"), ROOT / "Makefile"]
    named = set()
    for path in paths:
        lists = re.findall(
            r"(?:tfrecord-lite-np|'\.|checkout)\[([\w,]+)\]", path.read_text(encoding="utf-8")
        )
        named.update(extra for names in lists for extra in names.split(","))
    assert named == extras


def built() -> Any:
    """Return hatchling's view of the project, where it is installed."""
    sdist = pytest.importorskip("hatchling.builders.sdist")
    return sdist.SdistBuilder(str(ROOT))


def test_the_sdist_has_all_that_is_in_the_repository():
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("not in a repository")
    included = {file.relative_path for file in built().recurse_included_files()}
    kept = {name for name in done.stdout.splitlines() if (ROOT / name).exists()}
    assert kept - {*included, ".gitignore", "README.md", "LICENSE", "pyproject.toml"} == set()


def test_the_wheel_has_the_viewers_page():
    wheel = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    included = {file.distribution_path for file in wheel.recurse_included_files()}
    page = {f"tfrecord_lite/view/page/{path.name}" for path in (PACKAGE / "view/page").iterdir()}
    assert len(page) > 10
    assert page <= included


def test_the_readme_of_the_packages_has_no_link_that_leads_nowhere():
    readme = built().metadata.core.readme
    assert "tfrecord_lite" in readme
    assert not re.findall(r"\]\((?!https?:)[^)]*\)", readme)
    # What the links said is still there.
    assert "(docs/index.md" not in readme
    assert "verify and rescue" in readme


def test_no_public_name_of_the_project_is_forgotten():
    project = PROJECT["project"]
    assert project["authors"]
    pythons = {name for name in project["classifiers"] if "Python :: 3." in name}
    assert pythons == {f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 15)}
