"""A module about a package that is not installed says so at once, and how to install it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import tfrecord_lite

# Each module that is about other packages: its extra, what it is said to need, and what is missing.
MODULES = {
    "arrow": ("arrow", "pyarrow", ["pyarrow"]),
    "beam": ("beam", "apache-beam", ["apache_beam"]),
    "events": ("arrow", "pyarrow", ["pyarrow"]),
    "grain": ("grain", "grain", ["grain"]),
    "huggingface": ("huggingface", "datasets", ["datasets"]),
    "jax": ("jax", "JAX", ["jax"]),
    "ray": ("ray", "Ray Data", ["ray", "pandas", "pyarrow"]),
    "spark": ("spark", "pyspark", ["pyspark", "pyarrow"]),
    "sql": ("sql", "duckdb", ["duckdb", "pyarrow"]),
    "tensorflow": ("tensorflow", "TensorFlow", ["tensorflow"]),
    "torch": ("torch", "PyTorch", ["torch"]),
}
PROGRAM = """
import importlib, json, sys

class Without:
    def __init__(self, finder, hidden):
        self.finder, self.hidden = finder, hidden

    def find_spec(self, name, path=None, target=None):
        hidden = name.partition(".")[0] in self.hidden
        return None if hidden else self.finder.find_spec(name, path, target)

finders = list(sys.meta_path)
said = []
for name, hidden in json.loads(sys.argv[1]):
    sys.meta_path[:] = [Without(finder, hidden) for finder in finders]
    try:
        importlib.import_module("tfrecord_lite." + name)
    except ImportError as error:
        said.append(str(error))
    else:
        said.append(None)
print(json.dumps(said))
"""


FILE_URLS = """
import sys
sys.modules.update(fsspec=None, obstore=None)
import tfrecord_lite as tfr
from tfrecord_lite.cli import main

with tfr.ShardWriter(sys.argv[1] + "/set", num_shards=1) as writer:
    writer.write(b"record")
[file] = tfr.expand_shards(sys.argv[1] + "/set")
assert len(tfr.RecordFile(file)) == len([*tfr.RecordReader(file)]) == 1
tfr.RecordIndex.build(file).save()
assert len(tfr.RecordIndex.load(file)) == 1
manifest = tfr.Manifest.load(sys.argv[1] + "/set.manifest.json")
assert tfr.find_manifest(manifest.files) == manifest
assert tfr.verify(file, manifest=manifest.path).ok
assert tfr.salvage(file, sys.argv[1] + "/saved").ok
main(["merge", file, sys.argv[1] + "/merged"])
"""


def test_a_url_of_this_machine_needs_no_package(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FILE_URLS, f"file://{tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def said(*missing):
    """Return what each module says where packages are missing; None where it is imported."""
    done = subprocess.check_output([sys.executable, "-c", PROGRAM, json.dumps(missing)], text=True)
    return json.loads(done)


def test_each_module_says_what_to_install():
    # All of them are missing, whatever is installed here.
    everything = sorted({name for *_, packages in MODULES.values() for name in packages})
    for name, error in zip(MODULES, said(*((name, everything) for name in MODULES)), strict=True):
        extra, needs, _ = MODULES[name]
        expected = f"tfrecord_lite.{name} needs {needs}: pip install 'tfrecord-lite-np[{extra}]'"
        assert error == expected, name


@pytest.mark.parametrize(
    ("module", "missing"),
    [(name, package) for name, (*_, all_of_it) in MODULES.items() for package in all_of_it[1:]],
)
def test_a_part_of_an_extra_is_missing(module, missing):
    extra, needs, packages = MODULES[module]
    there = [name for name in packages if name != missing]
    if any(find_spec(name) is None for name in there):
        pytest.skip(f"not installed: {', '.join(there)}")
    (error,) = said((module, [missing]))
    assert error == f"tfrecord_lite.{module} needs {needs}: pip install 'tfrecord-lite-np[{extra}]'"


def test_no_module_is_forgotten():
    package = Path(tfrecord_lite.__file__).parent
    found = {
        (path.parent if path.name == "__init__.py" else path).stem
        for path in (*package.glob("*.py"), *package.glob("*/__init__.py"))
        if "find_spec(" in path.read_text(encoding="utf-8")
    }
    assert found == set(MODULES)
