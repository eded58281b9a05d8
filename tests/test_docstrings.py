"""The examples in the docstrings of every module run and give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import tfrecord_lite
from tfrecord_lite.example import messages

# Parts of the package that each need another package, of the same name.
WORLDS = {
    **{name: name for name in ("tensorflow", "torch", "jax", "grain", "ray")},
    "arrow": "pyarrow",
    "events": "pyarrow",
    "huggingface": "datasets",
    "spark": "pyspark",
    "beam": "apache_beam",
    "sql": "duckdb",
}
# And modules that do.
NEEDING = {
    "tfrecord_lite.parallel.cloud": "cloudpickle",
    "tfrecord_lite.stores.obstore_store": "obstore",
}
MODULES = [
    "tfrecord_lite",
    *(module.name for module in pkgutil.walk_packages(tfrecord_lite.__path__, "tfrecord_lite.")),
]


def world_of(module: str) -> str | None:
    """Return the package without which a module is not to be had."""
    if module in NEEDING:
        return NEEDING[module]
    return next((WORLDS[part] for part in module.split(".")[1:2] if part in WORLDS), None)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    if world := world_of(name):
        pytest.importorskip(world)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    modules = [importlib.import_module(name) for name in MODULES if not world_of(name)]
    tests = [test for module in modules for test in doctest.DocTestFinder().find(module)]
    assert sum(len(test.examples) for test in tests) > 50


@pytest.mark.parametrize("name", tfrecord_lite.__all__)
def test_public_names_have_examples(name):
    found = getattr(tfrecord_lite, name)
    if isinstance(found, str) or (isinstance(found, type) and issubclass(found, Exception)):
        pytest.skip("nothing to call")
    assert ">>> " in found.__doc__


@pytest.mark.parametrize("name", messages.__all__)
def test_examples_of_messages(name):
    """Those of classes that protobuf makes are not found by themselves."""
    found = doctest.DocTestParser().get_doctest(
        getattr(messages, name).__doc__, vars(messages), name, None, 0
    )
    assert found.examples
    assert doctest.DocTestRunner().run(found).failed == 0
