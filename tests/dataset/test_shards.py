"""Names of shards, and which files a name means. Row 42 of the fault matrix."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from tfrecord_lite import TFRecordError, read_records, write_records
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.files.names import ShardNames, manifest_of
from tfrecord_lite.files.resolve import expand_shards

# name, compression: the name of shard 7 of 12, where the manifest lies.
NAMES = {
    ("train", None): ("train-00007-of-00012.tfrecord", "train.manifest.json"),
    ("train", "GZIP"): ("train-00007-of-00012.tfrecord.gz", "train.manifest.json"),
    ("train", "ZLIB"): ("train-00007-of-00012.tfrecord", "train.manifest.json"),
    ("a{b}[c]", None): ("a{b}[c]-00007-of-00012.tfrecord", "a{b}[c].manifest.json"),
    ("s_{index}.tfrecord", None): ("s_7.tfrecord", "s.manifest.json"),
    ("s_{index:03d}.tfrecord", "GZIP"): ("s_007.tfrecord", "s.manifest.json"),
    ("s-{index:02}.tfrecords.gz", None): ("s-07.tfrecords.gz", "s.manifest.json"),
    ("{index}.tfrecord", None): ("7.tfrecord", "shards.manifest.json"),
    ("{index:d}-train.tfrecord", None): ("7-train.tfrecord", "train.manifest.json"),
    ("a_{index}_b.tfrecord", None): ("a_7_b.tfrecord", "a_b.manifest.json"),
    ("a.tfrecord-{index:05d}-of-{total:05d}", None): (
        "a.tfrecord-00007-of-00012",
        "a.tfrecord.manifest.json",
    ),
    ("{total}x{{{index}}}.gz", None): ("12x{7}.gz", "}.gz.manifest.json"),
}


@pytest.mark.parametrize(("name", "codec"), NAMES)
def test_names(name: str, codec) -> None:
    shard, manifest = NAMES[name, codec]
    assert manifest_of(f"data/{name}") == f"data/{manifest}"
    names = ShardNames(f"data/{name}")
    assert (names.folder, names.manifest) == ("data", f"data/{manifest}")
    assert names.shard(7, 12, codec) == shard
    assert names.shard(123_456, 200_000, codec).count("123456") == 1


def test_names_of_any_type_of_path() -> None:
    for name in (Path("a/train"), b"a/train", "a/train"):
        assert manifest_of(name) == "a/train.manifest.json"
        assert ShardNames(name).folder == "a"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "no file names"),
        ("data/", "no file names"),
        ("data/train.tfrecord", "suffix comes after the numbers"),
        ("data/train.tfrecord.gz", "suffix comes after the numbers"),
        ("data/train@8", "num_shards=N"),
        ("data/_train", "pass over '_train-00000-of-00001.tfrecord'"),
        ("data/.train", "pass over"),
        ("data/s{index}.json", "pass over"),
        ("a\\b", "no file names.* with no backslash"),
        ("s3://bucket/a:b", "no file names.* no colon after its first letter"),
        ("a\0b", "no file names"),
        ("{index}/a", "one folder"),
        ("x{total}.tfrecord", r"no \{index\}"),
        ("x{index", "no pattern"),
        ("x{index}}", "no pattern"),
        ("x{index}{}", "a field"),
        ("x{index}{name}", "a field"),
        ("x{index.real}", "a field"),
        ("x{index!r}", "a field"),
        ("x{index:e}", "a field"),
        ("x{index:5d}", "a field"),
        ("x{index:{total}d}", "a field"),
        ("x{index:099999999d}", "a field"),
    ],
)
def test_names_that_are_none(name: str, message: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        ShardWriter(name)
    assert os.listdir() == []


# expand_shards.


@pytest.fixture
def name(tmp_path: Path) -> str:
    name = str(tmp_path / "train")
    with ShardWriter(name, records_per_shard=1) as writer:
        writer.write_many([b"one", b"two", b"three"])
    return name


def shards(name: str, total: int = 3) -> list[str]:
    return [f"{name}-{index:05d}-of-{total:05d}.tfrecord" for index in range(total)]


@pytest.mark.parametrize(
    "word",
    [
        "{}",
        "{}.manifest.json",
        "{}@3",
        "{}-{{index:05d}}-of-{{total:05d}}.tfrecord",
        "{}-*",
        "{}*.tfrecord",
    ],
)
def test_what_means_a_set(word: str, name: str) -> None:
    assert expand_shards(word.format(name)) == shards(name)
    assert expand_shards(os.fsencode(word.format(name))) == shards(name)
    assert list(read_records(expand_shards(Path(word.format(name))))) == [b"one", b"two", b"three"]


def test_a_directory_means_its_data_files(name: str, tmp_path: Path) -> None:
    write_records(tmp_path / "other.tfrecord", [])
    (tmp_path / ".a.12345678.tfrecord-partial").touch()
    (tmp_path / "a.idx").touch()
    folder = str(tmp_path)
    expected = [str(tmp_path / "other.tfrecord"), *shards(name)]
    assert expand_shards(folder) == expected
    assert [os.path.basename(file) for file in expand_shards(folder + "//")] == [
        os.path.basename(file) for file in expected
    ]


def test_a_file_and_a_list_are_taken_as_they_are(name: str) -> None:
    first, second, third = shards(name)
    assert expand_shards(first) == [first]
    os.unlink(third)
    assert expand_shards([second, first, first]) == [second, first, first]
    with pytest.raises(FileNotFoundError, match="empty list"):
        expand_shards([])


def test_a_set_is_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    pattern = str(tmp_path / "s{index}.tfrecord")
    with ShardWriter(pattern, records_per_shard=1) as writer:
        writer.write_many([b"%d" % i for i in range(12)])
    assert list(read_records(expand_shards(pattern))) == [b"%d" % i for i in range(12)]
    assert expand_shards(tmp_path / "s") == expand_shards(pattern)
    assert expand_shards(tmp_path) == sorted(expand_shards(pattern))


def test_a_folder_of_the_same_name_comes_first(name: str) -> None:
    os.mkdir(name)
    with pytest.raises(FileNotFoundError, match="no data files"):
        expand_shards(name)
    assert expand_shards(name + ".manifest.json") == shards(name)


@pytest.mark.parametrize("word", ["{}", "{}.manifest.json", "{}@3", "{}*", "{}/.."])
def test_row_42_a_set_must_be_complete(word: str, name: str) -> None:
    path = os.path.dirname(name) if word == "{}/.." else word.format(name)
    _, second, third = shards(name)
    data = Path(third).read_bytes()
    Path(third).write_bytes(data[:-1])
    with pytest.raises(TFRecordError, match="18 bytes|20 bytes") as caught:
        expand_shards(path)
    assert caught.value.path == third
    Path(third).write_bytes(data)
    assert expand_shards(path) == shards(name)
    os.unlink(second)
    with pytest.raises(FileNotFoundError, match=f"1 of 3 shards are missing: {second}"):
        expand_shards(path)


def test_another_number_of_shards(name: str) -> None:
    with pytest.raises(FileNotFoundError, match="3 shards, not 4"):
        expand_shards(name + "@4")


def test_a_broken_manifest_is_an_error(name: str, tmp_path: Path) -> None:
    text = Path(name + ".manifest.json").read_text()
    for broken in ("", "{}", text[:-5]):
        Path(name + ".manifest.json").write_text(broken)
        for word in (name, name + "@3", name + ".manifest.json"):
            with pytest.raises(TFRecordError, match="not the manifest"):
                expand_shards(word)
    for word in (name + "*", str(tmp_path)):
        with pytest.raises(TFRecordError, match="not the manifest"):
            expand_shards(word)


@pytest.mark.parametrize("word", ["missing", "missing/train", "tra", "x{index}", "missing@3"])
def test_nothing_there(word: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file|no shard"):
        expand_shards(tmp_path / word)


def test_an_empty_match(tmp_path: Path) -> None:
    for word in (tmp_path, tmp_path / "*"):
        with pytest.raises(FileNotFoundError, match=r"no data files|no file matches"):
            expand_shards(word)


@pytest.mark.parametrize("suffix", ["", ".tfrecord", ".tfrecord.gz"])
def test_shards_of_other_programs(suffix: str, tmp_path: Path) -> None:
    files = [str(tmp_path / f"train-0000{index}-of-00003{suffix}") for index in range(3)]
    for file in files:
        write_records(file, [])
    assert expand_shards(tmp_path / "train@3") == expand_shards(tmp_path / "train@3") == files
    assert expand_shards(tmp_path / "train*") == files
    with pytest.raises(FileNotFoundError, match=r"another program.*pass a glob"):
        expand_shards(tmp_path / "train")


def test_row_42_names_that_tell_of_missing_shards(tmp_path: Path) -> None:
    for index in (1, 2, 4):
        write_records(tmp_path / f"a-{index:05d}-of-00009", [])
    for index in range(3):
        write_records(tmp_path / f"b-{index:05d}-of-00003.tfrecord", [])
    write_records(tmp_path / "c-00009-of-00003.tfrecord", [])
    for word in (tmp_path, tmp_path / "a*"):
        with pytest.warns(UserWarning, match="6 of 9") as caught:
            expand_shards(word)
        (warning,) = caught
        assert str(warning.message) == (
            f"{tmp_path}/a: 6 of 9 shards are missing, as the names of the others tell: "
            "a-00000-of-00009, a-00003-of-00009, a-00005-of-00009 and 3 more"
        )
    # A glob may leave out what is there.
    assert len(expand_shards(tmp_path / "b-0000[01]*")) == 2
    assert expand_shards(tmp_path / "a-00001-of-00009") == [str(tmp_path / "a-00001-of-00009")]
    with pytest.raises(FileNotFoundError, match="6 of 9 shards are missing"):
        expand_shards(tmp_path / "a@9")


def test_shards_that_are_counted_from_1(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"a-{number:05d}-of-00003").touch()
    assert len(expand_shards(tmp_path)) == 3
    (tmp_path / "a-00001-of-00003").unlink()
    with pytest.warns(UserWarning, match="1 of 3 shards .*: a-00001-of-00003$"):
        expand_shards(tmp_path)


def test_numbers_of_missing_shards_are_written_as_the_others(tmp_path: Path) -> None:
    (tmp_path / "a-00001-of-100000").touch()
    with pytest.warns(UserWarning, match="99999 of .*: a-00000-of-100000, a-00002-of-100000, "):
        expand_shards(tmp_path)


def test_row_42_a_number_of_shards_beyond_all_reason(tmp_path: Path) -> None:
    write_records(tmp_path / f"a-00001-of-{10**60}", [])
    with pytest.warns(UserWarning, match="and 9+6 more"):
        assert len(expand_shards(tmp_path)) == 1


def test_a_glob_may_mean_a_part_of_a_set(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert expand_shards(name + "-0000[02]*") == [shards(name)[0], shards(name)[2]]


def test_in_the_working_directory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(os.path.dirname(name))
    expected = [os.path.basename(file) for file in shards(name)]
    for word in ("train", "train@3", "train*", "train.manifest.json"):
        assert expand_shards(word) == expected
    assert expand_shards(".") == [os.path.join(".", file) for file in expected]
    with pytest.raises(FileNotFoundError, match="no such file"):
        expand_shards("tra")


def test_shards_with_a_suffix_that_nobody_looks_for(tmp_path: Path) -> None:
    """They are told, and how they are read; they were said not to be there."""
    for index in range(2):
        write_records(tmp_path / f"n-0000{index}-of-00002.tfrecords.gz", [b"x"])
        write_records(tmp_path / f"m.tfrecord-0000{index}-of-00002", [b"x"])
    for path in ("n@2", "n@2.gz"):
        with pytest.raises(FileNotFoundError, match=r"end in '.tfrecords.gz': pass .*n@2.SUFFIX"):
            expand_shards(tmp_path / path)
    assert len(expand_shards(tmp_path / "n@2.tfrecords.gz")) == 2
    for name in ("n", "m.tfrecord"):
        with pytest.raises(FileNotFoundError, match="there are shards of that name"):
            expand_shards(tmp_path / name)
    assert len(expand_shards(tmp_path / "m.tfrecord@2")) == 2
