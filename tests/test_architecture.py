"""Which package may import which: errors, parallel, records, example and files, dataset, ..."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tfrecord_lite
from tfrecord_lite.thresholds import Limits, Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(tfrecord_lite.__file__).parent
WINGS = [
    ["errors", "thresholds", "urls", "text", "byte_strings", "_version", "_types"],
    ["parallel"],
    ["stores"],
    ["records"],
    ["example", "files"],
    ["dataset"],
    ["integrity", "description"],
    ["compat", "tensorflow", "torch", "jax", "grain", "arrow", "events", "tfds"],
    ["jobs", "huggingface", "sql", "ray", "spark", "beam"],
    ["view"],
    ["cli"],
]
FLOOR = {wing: floor for floor, wings in enumerate(WINGS) for wing in wings}
# The package itself offers the public names of the wings below the outside worlds.
FLOOR[""] = FLOOR["integrity"]
FLOOR["__main__"] = FLOOR["cli"]
OUTSIDE = {
    "tensorflow",
    "torch",
    "jax",
    "grain",
    "pyarrow",
    "ray",
    "pyspark",
    "apache_beam",
    "typer",
    "rich",
    "PIL",
    "fsspec",
    "obstore",
    "cloudpickle",
    "datasets",
    "duckdb",
}
AT_HOME = {
    "typer": {"cli"},
    "rich": {"cli"},
    "PIL": {"compat", "tfds"},
    "cloudpickle": {"parallel"},
    "fsspec": {"stores"},
    "obstore": {"stores"},
    "tensorflow": {"tensorflow"},
    "torch": {"torch"},
    "jax": {"jax"},
    "grain": {"grain"},
    # Ray Data and Spark need it themselves.
    "pyarrow": {"arrow", "events", "huggingface", "ray", "spark", "sql"},
    "datasets": {"huggingface"},
    "duckdb": {"sql"},
    "ray": {"ray"},
    "pyspark": {"spark"},
    "apache_beam": {"beam"},
}
# Methods that users expect on a class of a wing below, whose modules are imported when called.
UPWARD = {
    "tfrecord_lite.records.frame_writer": {
        "tfrecord_lite.example.batch",
        "tfrecord_lite.example.encode",
        "tfrecord_lite.example.sequence_batch",
    },
    "tfrecord_lite.files.record_set": {"tfrecord_lite.arrow.reading"},
    "tfrecord_lite.dataset.tables": {"tfrecord_lite.arrow.writing"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def wing_of(module: str) -> str:
    """Return the wing of a dotted name in the package: the part after ``tfrecord_lite.``."""
    return [*module.split("."), ""][1]


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Yield the absolute name of everything that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module
            # `from tfrecord_lite import records` names a wing as well.
            if node.module == "tfrecord_lite":
                names = {alias.name for alias in node.names}
                yield from (f"tfrecord_lite.{name}" for name in names & FLOOR.keys())


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_go_down_only(path):
    wing = wing_of(module_name(path))
    upward = UPWARD.get(module_name(path), set())
    for name in imports(path):
        if name.split(".")[0] == "tfrecord_lite" and name not in upward:
            beside = wing_of(name) != wing and wing not in ("", "__main__") and FLOOR[wing] > 0
            allowed = FLOOR[wing] - beside
            assert FLOOR[wing_of(name)] <= allowed, f"{module_name(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_optional_packages_stay_where_they_belong(path):
    wing = wing_of(module_name(path))
    for name in imports(path):
        package = name.split(".")[0]
        if package in OUTSIDE:
            assert wing in AT_HOME[package], f"{module_name(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_no_module_is_long_or_uses_private_names_of_another(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tfrecord_lite"):
            private = [alias.name for alias in node.names if re.match("_[a-z]", alias.name)]
            assert not private, f"{path}: {private} of {node.module}"


def test_records_do_not_load_what_lies_above():
    program = "import sys; import tfrecord_lite.records.writer; print(*sys.modules)"
    # The package itself offers all public names, and loads each when it is asked for.
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert not [name for name in loaded if name.startswith("tfrecord_lite.example")]


def test_there_is_something_to_look_at():
    assert {"tfrecord_lite.errors", "tfrecord_lite.cli.app"} <= {module_name(p) for p in MODULES}


@pytest.mark.parametrize("module", ["tfrecord_lite", "tfrecord_lite.integrity"])
def test_no_public_name_loads_an_optional_package(module):
    program = f"import sys; from {module} import *; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert {"numpy", "crc32c"} <= set(loaded)
    assert not OUTSIDE & set(loaded)
    # These take as long as all of this package.
    assert not {"http.client", "asyncio", "multiprocessing"} & set(loaded)


@pytest.mark.parametrize(
    "name",
    [
        f"{kind.__name__.lower()}.{field.name}"
        for kind in (Thresholds, Limits)
        for field in fields(kind)
    ],
)
def test_each_threshold_is_read_by_the_package(name):
    """One that nothing reads would be set by tests without effect."""
    assert any(name in path.read_text(encoding="utf-8") for path in MODULES)


def test_every_public_name_is_there():
    for name in tfrecord_lite.__all__:
        assert getattr(tfrecord_lite, name) is not None


def test_no_example_is_taken_for_a_package():
    """A folder beside a script is imported by its name where no package has it: keras tries jax."""
    examples = Path(__file__).parents[1] / "examples"
    names = {path.stem for path in examples.iterdir()}
    assert not names & {*OUTSIDE, "keras", "flax", "numpy", "lightning", "accelerate"}
