"""Every public function and command takes every form of ``paths`` and of ``features``."""

from __future__ import annotations

import inspect
import io
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from variants import few_or_many

import tfrecord_lite as tfr
from tfrecord_lite import RecordSet, ShardWriter, jobs
from tfrecord_lite.cli import main
from tfrecord_lite.thresholds import limits

N = 7
LABELS = list(range(N))


def labels(batches):
    return [int(label) for batch in batches for label in np.asarray(batch["label"]).ravel()]


def of_records(records):
    return [int(tfr.decode_example(record)["label"][0]) for record in records]


def verified(paths, **options):
    report = tfr.verify(paths, **options)
    assert report.ok, report
    return LABELS[: sum(file.records for file in report.files)]


def described(paths, **options):
    found = tfr.describe(paths, **options)
    assert found.ok, found
    return LABELS[: found.records]


def made(engine):
    def make(paths, features=None):
        from tfrecord_lite.tensorflow import make_dataset

        return labels(make_dataset(paths, features, batch_size=3, engine=engine))

    return make


def merged(paths):
    with tempfile.TemporaryDirectory() as folder:
        jobs.merge(paths, f"{folder}/all")
        return of_records(tfr.read_records(f"{folder}/all"))


def converted(paths):
    with tempfile.TemporaryDirectory() as folder:
        jobs.convert(paths, f"{folder}/all.tfrecord")
        return of_records(tfr.read_records(f"{folder}/all.tfrecord"))


def sharded(paths):
    with tempfile.TemporaryDirectory() as folder:
        jobs.shard(paths, f"{folder}/all")
        return of_records(tfr.read_records(f"{folder}/all"))


# What is read by each public function of which a parameter is called `paths` or `pattern`.
FUNCTIONS = {
    "RecordSet": lambda paths: of_records(RecordSet(paths)),
    "read_records": lambda paths: of_records(tfr.read_records(paths)),
    "read_batches": lambda paths, features=None: labels(tfr.read_batches(paths, features)),
    "Dataset": lambda paths, features=None: labels(tfr.Dataset(paths, features, batch_size=3)),
    "verify": verified,
    "jobs.merge": merged,
    "jobs.shard": sharded,
    "describe": described,
    "jobs.convert": converted,
    "expand_shards": lambda paths: of_records(tfr.read_records(tfr.expand_shards(paths))),
}
NAMES_ALONE = {"expand_shards"}


def as_arrow(paths, features=None):
    from tfrecord_lite.arrow import to_arrow

    return to_arrow(paths, features, select=["label"]).read_all()["label"].to_pylist()


def as_rows(paths):
    from tfrecord_lite.sql import query

    return query("select label from t", {"t": paths}).read_all()["label"].to_pylist()


def as_dataset(paths, features=None):
    from tfrecord_lite.huggingface import load

    return load(paths, features, keep_in_memory=True)["label"][:]


# Of modules that need a package; tests/worlds/huggingface has the forms of its own.
OPTIONAL = {
    "make_dataset tf.data": ("tensorflow", made("tf.data")),
    "make_dataset numpy": ("tensorflow", made("numpy")),
    "arrow.to_arrow": ("pyarrow", as_arrow),
    "sql.query": ("duckdb", as_rows),
    "huggingface.load": ("datasets", as_dataset),
}
FUNCTIONS |= {name: read for name, (package, read) in OPTIONAL.items() if find_spec(package)}
# They tell what they find, damage too, and return no records.
REPORTS = {"verify", "describe"}
READ_ONCE_AN_EPOCH = {"Dataset", "make_dataset tf.data", "make_dataset numpy", "expand_shards"}


def test_no_function_is_forgotten():
    names = set(tfr.__all__)
    takers = {
        name
        for name in names
        if callable(getattr(tfr, name))
        and not (inspect.isclass(getattr(tfr, name)) and issubclass(getattr(tfr, name), Exception))
        and {"paths", "pattern"} & set(parameters(getattr(tfr, name)))
    }
    assert takers == {name for name in FUNCTIONS if " " not in name and "." not in name}
    for name in takers - NAMES_ALONE - REPORTS:
        given = parameters(getattr(tfr, name))
        assert {"compression", "verify", "on_damage", "max_record_bytes"} <= set(given), name


def parameters(function):
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set of three shards by the name of train, alone in a folder."""
    folder = tmp_path_factory.mktemp("set")
    features = {"label": tfr.FixedLenFeature([], np.int64)}
    with ShardWriter(folder / "train", records_per_shard=3, features=features) as writer:
        writer.write_many([tfr.encode_example({"label": label}) for label in LABELS])
    return folder


def in_memory(folder):
    """Copy the set into fsspec's memory; return the URL of its folder."""
    fsspec = pytest.importorskip("fsspec")
    for file in folder.iterdir():
        fsspec.filesystem("memory").pipe(f"/{folder.name}/{file.name}", file.read_bytes())
    return f"memory://{folder.name}"


FORMS = {
    "file://": lambda folder: f"file://{folder}/train",
    "a URL of a directory": in_memory,
    "a URL of a directory and all below": lambda folder: f"{in_memory(folder)}/**",
    "a URL of a NAME": lambda folder: f"{in_memory(folder)}/train",
    "a URL of NAME@N": lambda folder: f"{in_memory(folder)}/train@3",
    "a URL of a manifest": lambda folder: f"{in_memory(folder)}/train.manifest.json",
    "a URL with a glob": lambda folder: f"{in_memory(folder)}/tr*-of-*",
    "URLs": lambda folder: [
        f"{in_memory(folder)}/{file.name}" for file in sorted(folder.glob("*d"))
    ],
    "a list of files": lambda folder: sorted(folder.glob("*.tfrecord")),
    "an iterator over files": lambda folder: iter(sorted(map(str, folder.glob("*.tfrecord")))),
    "str": lambda folder: str(folder / "train"),
    "bytes": lambda folder: os.fsencode(folder / "train"),
    "PathLike": lambda folder: folder / "train",
    "a directory": lambda folder: folder,
    "a directory and all below": lambda folder: f"{folder.parent}/{folder.name}/**",
    "a glob": lambda folder: folder / "tr*-of-*",
    "NAME@N": lambda folder: folder / "train@3",
    "NAME@N.SUFFIX": lambda folder: f"{folder}/train@3.tfrecord",
    "NAME": lambda folder: folder / "train",
    "a manifest": lambda folder: folder / "train.manifest.json",
    "a list of a NAME": lambda folder: [folder / "train"],
}


# Where the files are read is the same for all; what costs time takes one form of each kind.
SOME_FORMS = ["NAME", "a list of files", "a glob", "a URL of a NAME"]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (name, form)
        for name in FUNCTIONS
        for form in (SOME_FORMS if name.startswith("make") else FORMS)
    ],
)
def test_forms_of_paths(folder, name, form):
    if name == "make_dataset tf.data" and form.startswith(("a URL", "URL")):
        with pytest.raises(ValueError, match="URLs need engine='numpy'"):
            FUNCTIONS[name](FORMS[form](folder))
        return
    assert FUNCTIONS[name](FORMS[form](folder)) == LABELS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_record_set(folder, name):
    if name in NAMES_ALONE:
        with pytest.raises(TypeError, match="a RecordSet is no path"):
            FUNCTIONS[name](RecordSet(folder))
    else:
        assert FUNCTIONS[name](RecordSet(folder)) == LABELS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_open_files(folder, name, tmp_path, monkeypatch):
    """They are read, or refused by the word path; their lines are never names."""
    data = b"".join(file.read_bytes() for file in FORMS["a list of files"](folder))
    monkeypatch.chdir(tmp_path)
    Path("other").write_bytes(data)
    Path("names").write_bytes(b"other")
    for make in (lambda: io.BytesIO(data), lambda: [io.BytesIO(data)]):
        if name in READ_ONCE_AN_EPOCH:
            with pytest.raises(TypeError, match="path"):
                FUNCTIONS[name](make())
        else:
            assert FUNCTIONS[name](make()) == LABELS
    with open("names", "rb") as file, pytest.raises((tfr.TFRecordError, TypeError, AssertionError)):
        FUNCTIONS[name](file)


@pytest.mark.parametrize("given", [3, None, [3], [None]])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_no_path(name, given):
    with pytest.raises(TypeError, match="is no path: pass a path"):
        FUNCTIONS[name](given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("nothing", "no such file or directory, and no manifest .*nothing.manifest.json"),
        ("nothing*", "no file matches this pattern"),
        ("train@4", "3 shards, not 4"),
        ("nothing@2", "no shard .*nothing-00000-of-00002 with any suffix"),
        ("empty", "no data files in this directory"),
        ("gone.manifest.json", "no such file"),
    ],
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_means_nothing(folder, name, given, told):
    (folder.parent / "empty").mkdir(exist_ok=True)
    where = folder.parent if given == "empty" else folder
    with pytest.raises(FileNotFoundError, match=rf"(?i){told}"):
        FUNCTIONS[name](where / given)
    with pytest.raises(FileNotFoundError, match="an empty list of paths"):
        FUNCTIONS[name]([])


def test_a_directory_wins_over_a_set_of_its_name(folder, tmp_path):
    with ShardWriter(tmp_path / "s", num_shards=1) as writer:
        writer.write(tfr.encode_example({"label": 100}))
    (tmp_path / "s").mkdir()
    tfr.write_examples(tmp_path / "s" / "a", {"label": [5]})
    for name in FUNCTIONS:
        if name not in REPORTS:
            assert FUNCTIONS[name](tmp_path / "s") == [5]
    assert len(verified(tmp_path / "s")) == 1


def test_a_file_wins_over_what_its_name_looks_like(tmp_path):
    for name in ("a@2", "b*", "c[1]"):
        tfr.write_examples(tmp_path / name, {"label": [3]})
        tfr.write_examples(tmp_path / "b-other", {"label": [4]})
        for function in set(FUNCTIONS) - REPORTS:
            assert FUNCTIONS[function](tmp_path / name) == [3]


def test_files_named_twice(folder):
    file = FORMS["a list of files"](folder)[0]
    for name in set(FUNCTIONS) - REPORTS:
        assert FUNCTIONS[name]([file, file]) == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("name", OPTIONAL)
def test_functions_that_need_a_package(name):
    pytest.importorskip(OPTIONAL[name][0])
    assert name in FUNCTIONS


# Functions that take paths of other things than Examples.


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """A set of three event files by the name of train, alone in a folder."""
    from tfrecord_lite.example.messages import Event

    folder = tmp_path_factory.mktemp("events")
    with ShardWriter(folder / "train", records_per_shard=3) as writer:
        for label in LABELS:
            scalar = {"tag": "label", "simple_value": label}
            event = Event(wall_time=1.5, step=label, summary={"value": [scalar]})
            writer.write(event.SerializeToString())
    return folder


def scalars(paths):
    pytest.importorskip("pyarrow")
    from tfrecord_lite.events import read_scalars

    return read_scalars(paths)["value"].to_pylist()


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_paths_of_events(events, form):
    assert scalars(FORMS[form](events)) == LABELS


def test_other_paths_of_events(events, tmp_path):
    assert scalars(RecordSet(events)) == LABELS
    data = b"".join(file.read_bytes() for file in FORMS["a list of files"](events))
    assert scalars(io.BytesIO(data)) == scalars([io.BytesIO(data)]) == LABELS
    file = FORMS["a list of files"](events)[0]
    assert scalars([file, file]) == [0, 1, 2, 0, 1, 2]
    for given in (3, None, [3], [None]):
        with pytest.raises(TypeError, match="is no path: pass a path"):
            scalars(given)
    for given in ("nothing", "nothing*", "nothing@2"):
        with pytest.raises(FileNotFoundError, match="nothing"):
            scalars(tmp_path / given)


def test_a_directory_of_tfds(tmp_path):
    from tfrecord_lite.tfds import load

    folder = tmp_path / "labels" / "1.0.0"
    with ShardWriter(folder / "train", layout="tfds", features={"label": int}) as writer:
        for label in LABELS:
            writer.write_example({"label": label})
    for given in (str(folder), folder, f"file://{folder}", f"{folder}/", in_memory(folder)):
        assert [int(item["label"]) for item in load(given, split="train")] == LABELS
    with pytest.raises(FileNotFoundError, match="dataset_info.json"):
        load(tmp_path, split="train")


def test_doors_of_one_file(folder):
    """What opens one file by its name takes it in every form, too."""
    [plain, *_] = sorted(folder.glob("*.tfrecord"))
    url = f"{in_memory(folder)}/{plain.name}"
    forms = {plain: (str(plain), plain, os.fsencode(plain), f"file://{plain}")}
    for path, given in {**forms, url: (url, url.encode())}.items():
        for name in given:
            index = tfr.RecordIndex.build(name)
            with tfr.RecordFile(name) as file, tfr.RecordReader(name) as reader:
                assert list(file) == list(reader)
                assert len(file) == len(index) == 3
                assert file.path == reader.path == index.path == str(path)
    index.to_text(url + ".idx")
    assert tfr.RecordIndex.from_text(url, url + ".idx").offsets.tolist() == index.offsets.tolist()


def test_what_is_no_list_of_shards(folder):
    with open(folder / "train.manifest.json", "rb") as file:
        for given in (file, [file], None, 3, [None]):
            with pytest.raises(TypeError, match="is not the path of a shard"):
                tfr.find_manifest(given)


def test_what_is_no_path_of_one_file(folder, tmp_path, monkeypatch):
    """The name by which messages call an open file was taken for one, and written to."""
    monkeypatch.chdir(tmp_path)
    source = next(folder.glob("*.tfrecord"))
    with open(tmp_path / "open", "w+b") as file:
        for given in (file, io.BytesIO(), 7, True):
            for call in (
                lambda given: tfr.jobs.merge(folder / "train", given, overwrite=True),
                tfr.Manifest.load,
                lambda given: tfr.RecordIndex.from_text(source, given),
            ):
                with pytest.raises(TypeError):
                    call(given)
    assert [path.name for path in tmp_path.iterdir() if path != folder] == ["open"]


@pytest.mark.parametrize("given", [1.5, float("nan"), "2", [1], b"1", True, False])
def test_what_are_no_numbers(folder, tmp_path, given):
    """They are refused in one way by all that counts, and nothing is made before."""
    name, out = folder / "train", tmp_path / "out"
    calls = {
        "workers": [tfr.verify, tfr.describe],
        "sample": [tfr.describe],
        "block_bytes": [tfr.RecordWriter, tfr.ShardWriter],
        "part": [tfr.ShardWriter],
        "parts": [tfr.publish_shards],
        "batch_size": [tfr.read_batches, tfr.Dataset],
        "max_record_bytes": [tfr.RecordReader, RecordSet, tfr.describe],
        "records_per_shard": [tfr.ShardWriter],
    }
    for option, functions in calls.items():
        for function in functions:
            path = out if function in (tfr.RecordWriter, tfr.ShardWriter) else name
            with pytest.raises(TypeError, match=f"^{option}=.* must be an integer$"):
                function(path, **{option: given})
    for function in (tfr.RecordWriter, tfr.ShardWriter):
        with pytest.raises(TypeError, match="^level=.* must be an integer$"):
            function(out, compression="GZIP", level=given)
    with tfr.RecordReader(min(folder.glob("*.tfrecord"))) as reader:
        with pytest.raises(TypeError, match="^block_bytes=.* must be an integer$"):
            reader.block_bytes = given
        assert len(list(reader)) == 3
    assert not os.listdir(tmp_path)


def test_links_in_a_circle(folder, tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for name in set(FUNCTIONS) - REPORTS - {"expand_shards"}:
        with pytest.raises(OSError, match="symbolic links"):
            FUNCTIONS[name](tmp_path / "a")
    assert not tfr.verify(tmp_path / "a").ok
    assert not tfr.describe(tmp_path / "a").ok


@few_or_many("count", 20_000, 100_000)
def test_very_many_files(tmp_path, monkeypatch, count):
    """A folder is listed once, and nothing is done for each pair of files."""
    monkeypatch.setattr(limits, "open_files", 4)
    for number in range(count):
        first = number - number % 50_000
        if number == first:
            (tmp_path / f"a-{number:06d}").touch()
        else:
            os.link(tmp_path / f"a-{first:06d}", tmp_path / f"a-{number:06d}")
    assert len(RecordSet(tmp_path / "a-*").files) == count


# Features.

FEATURES = {
    "left out": None,
    "ours": {"label": tfr.FixedLenFeature([], np.int64)},
    "int": {"label": int},
    "np.int64": {"label": np.int64},
    "a list of names": ["label"],
    "a tuple of names": ("label",),
    "a mapping that is no dict": type("Other", (dict,), {})(label=int),
}
TAKERS = [name for name in FUNCTIONS if name.startswith(("read_batches", "Dataset", "make"))]


@pytest.mark.parametrize("form", FEATURES)
@pytest.mark.parametrize("name", TAKERS)
def test_forms_of_features(folder, name, form):
    for paths in (folder / "train", min(folder.glob("*.tfrecord"))):
        count = N if paths == folder / "train" else 3
        assert FUNCTIONS[name](paths, FEATURES[form]) == LABELS[:count]


@pytest.mark.parametrize("form", FEATURES)
def test_forms_of_features_in_verify(folder, form):
    report = tfr.verify(folder / "train", examples=True, features=FEATURES[form])
    assert report.ok


@pytest.mark.parametrize("features", ["label", b"label", 3, {"label": "int"}, {3: int}, [3]])
@pytest.mark.parametrize("name", [*TAKERS, "verify"])
def test_what_are_no_features(folder, name, features):
    options = {"examples": True} if name == "verify" else {}
    with pytest.raises(TypeError, match="feature"):
        FUNCTIONS[name](folder / "train", features=features, **options)


# Commands.

COMMANDS = ["verify", "info", "cat", "head", "index"]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(map(os.fspath, arguments)))
    return ended.value.code or 0, capsys.readouterr()


@pytest.mark.parametrize("form", ["NAME", "a manifest", "a directory", "a glob", "NAME@N"])
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_take_forms_of_paths(folder, capsys, command, form):
    code, said = run(capsys, command, FORMS[form](folder))
    assert code == 0, said
    for file in folder.glob("*.index"):
        file.unlink()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_say_what_means_nothing(folder, capsys, command):
    code, said = run(capsys, command, folder / "nothing")
    assert code == 2
    assert "no such file or directory, and no manifest" in said.err
