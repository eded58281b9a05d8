"""Objects and sets written by URL: there when they are complete, replaced whole, cleared up."""

from __future__ import annotations

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.cli import main
from tfrecord_lite.files.object_staging import ObjectJournal
from tfrecord_lite.stores.fsspec_store import FsspecStore

fsspec = pytest.importorskip("fsspec")
RECORDS = [b"%d" % number * 50 for number in range(100)]
OTHERS = [b"other %d" % number for number in range(70)]


def write(url, records, **options):
    with tfr.ShardWriter(url, **{"records_per_shard": 30, **options}) as writer:
        writer.write_many(records)
    return writer.manifest


class KilledError(BaseException):
    """What nobody catches."""


def test_an_object_is_there_when_it_is_complete(folder, names):
    url = folder + "/a.tfrecord.gz"
    with tfr.RecordWriter(url) as writer:
        writer.write_many(RECORDS)
        writer.flush()
        assert "a.tfrecord.gz" not in names(folder)
    assert list(tfr.read_records(url)) == RECORDS
    assert tfr.RecordReader(url).compression == "GZIP"
    with pytest.raises(KilledError), tfr.RecordWriter(url) as writer:
        writer.write(b"new")
        raise KilledError
    assert list(tfr.read_records(url)) == RECORDS
    assert names(folder) == ["a.tfrecord.gz"]
    with tfr.RecordWriter(url) as writer:
        writer.write(b"new")
    assert list(tfr.read_records(url)) == [b"new"]


@pytest.mark.parametrize("name", ["st*r", "wh?t", "br[1]"])
def test_names_that_look_like_patterns(folder, names, name):
    tfr.write_records(f"{folder}/{name}", RECORDS)
    assert names(folder) == [name]
    assert list(tfr.read_records(f"{folder}/{name}")) == RECORDS
    write(f"{folder}/set {name}", OTHERS)
    assert list(tfr.read_records(f"{folder}/set {name}")) == OTHERS
    assert len(names(folder)) == 5


def test_modes_of_writing(folder):
    url = folder + "/a"
    tfr.write_records(url, RECORDS, mode="x")
    with pytest.raises(FileExistsError, match=url):
        tfr.write_records(url, OTHERS, mode="x")
    for options in ({"mode": "a"}, {"atomic": False}):
        with pytest.raises(ValueError, match=f"{url}: .*an object is written whole"):
            tfr.write_records(url, OTHERS, **options)
    assert list(tfr.read_records(url)) == RECORDS


def test_a_file_url_is_a_path(tmp_path):
    write(f"file://{tmp_path}/s", RECORDS)
    tfr.write_records(f"file://{tmp_path}/a", RECORDS)
    assert list(tfr.read_records(tmp_path / "s")) == RECORDS
    assert list(tfr.read_records(tmp_path / "a")) == RECORDS


@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_a_set(folder, names, compression):
    manifest = write(folder + "/s", RECORDS, compression=compression)
    suffix = ".tfrecord.gz" if compression else ".tfrecord"
    expected = [f"s-0000{number}-of-00004{suffix}" for number in range(4)]
    assert names(folder) == [*expected, "s.manifest.json"]
    assert list(tfr.read_records(folder + "/s")) == RECORDS
    assert tfr.RecordSet(folder + "/s")[99] == RECORDS[99]
    assert tfr.verify(folder + "/s")
    assert manifest.path == folder + "/s.manifest.json"
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        write(folder + "/s", OTHERS)


def test_many_shards_at_once(folder):
    write(folder + "/s", RECORDS, records_per_shard=None, num_shards=120)
    assert sorted(tfr.read_records(folder + "/s")) == sorted(RECORDS)


def test_a_set_is_replaced_whole(folder, names, monkeypatch):
    """By the manifest: until then the old one is read, after that the new one."""
    write(folder + "/s", RECORDS)
    seen = []
    put = FsspecStore.put

    def watched(self, url, data, **options):
        if url == folder + "/s.manifest.json":
            seen.append(list(tfr.read_records(folder + "/s")))
        put(self, url, data, **options)
        if url == folder + "/s.manifest.json":
            seen.append(list(tfr.read_records(folder + "/s")))

    monkeypatch.setattr(FsspecStore, "put", watched)
    # As many shards: their names are taken.
    write(folder + "/s", OTHERS + OTHERS[:30], overwrite=True)
    assert seen == [RECORDS, OTHERS + OTHERS[:30]]
    assert len(names(folder)) == 5
    assert list(tfr.read_records(folder)) == OTHERS + OTHERS[:30]
    write(folder + "/s", RECORDS, overwrite=True)
    assert list(tfr.read_records(folder + "/s")) == RECORDS
    assert len(names(folder)) == 5


@pytest.mark.parametrize("call", ["copy", "put"])
@pytest.mark.parametrize("stands", [True, False])
def test_a_failure_changes_nothing(folder, names, monkeypatch, call, stands):
    if stands:
        write(folder + "/s", RECORDS)
    before = names(folder)
    own = getattr(FsspecStore, call)

    def failing(self, url, *arguments, **options):
        if "00001" in url or url.endswith("s.manifest.json"):
            raise OSError(5, "no luck")
        own(self, url, *arguments, **options)

    monkeypatch.setattr(FsspecStore, call, failing)
    with pytest.raises(OSError, match="no luck"):
        write(folder + "/s", OTHERS, overwrite=True)
    monkeypatch.undo()
    assert names(folder) == before
    if stands:
        assert list(tfr.read_records(folder + "/s")) == RECORDS


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("stands", [True, False])
def test_a_publisher_that_is_killed(folder, names, monkeypatch, committed, stands):
    if stands:
        write(folder + "/s", RECORDS)
    put = FsspecStore.put

    def killing(self, url, data, **options):
        if url != folder + "/s.manifest.json":
            return put(self, url, data, **options)
        if committed:
            put(self, url, data, **options)
        raise KilledError

    monkeypatch.setattr(FsspecStore, "put", killing)
    monkeypatch.setattr(ObjectJournal, "_settle", lambda self: None)
    monkeypatch.setattr(ObjectJournal, "_is_published", lambda self, names: False)
    monkeypatch.setattr("tfrecord_lite.files.object_staging.remove_folder", lambda folder: None)
    with pytest.raises(KilledError):
        write(folder + "/s", OTHERS, overwrite=True)
    monkeypatch.undo()
    left = names(folder)
    assert ".s.publishing.tfrecord-partial" in left
    if stands or committed:
        # By its name the set is one or the other.
        assert list(tfr.read_records(folder + "/s")) == (OTHERS if committed else RECORDS)
    if not committed or stands:
        with pytest.raises(FileNotFoundError, match="is being published"):
            tfr.read_records(folder)
    write(folder + "/s", RECORDS[:10], overwrite=True)
    assert list(tfr.read_records(folder)) == RECORDS[:10]
    assert names(folder) == ["s-00000-of-00001.tfrecord", "s.manifest.json"]


def test_what_a_killed_writer_left_goes_with_the_next(folder, names, monkeypatch):
    fsspec.filesystem("memory").pipe(
        f"/{folder[9:]}/.s.0123abcd.tfrecord-partial/00000.tfrecord-partial", b"left"
    )
    fsspec.filesystem("memory").pipe(
        f"/{folder[9:]}/.t.0123abcd.tfrecord-partial/00000.tfrecord-partial", b"another's"
    )
    write(folder + "/s", RECORDS)
    assert [name for name in names(folder) if name[0] == "."] == [
        ".t.0123abcd.tfrecord-partial/00000.tfrecord-partial"
    ]


def test_an_exception_leaves_nothing(folder, names):
    with pytest.raises(KilledError), tfr.ShardWriter(folder + "/s", num_shards=3) as writer:
        writer.write_many(RECORDS)
        raise KilledError
    assert names(folder) == []


def test_parts(folder, names):
    for part in (1, 0):
        write(folder + "/s", [RECORDS, OTHERS][part], part=part)
    with pytest.raises(FileNotFoundError, match="of 3 parts these are not complete: 2"):
        tfr.publish_shards(folder + "/s", 3)
    # Once more, and that one counts.
    write(folder + "/s", OTHERS[:3], part=1)
    tfr.publish_shards(folder + "/s", 2)
    assert list(tfr.read_records(folder)) == RECORDS + OTHERS[:3]
    assert not [name for name in names(folder) if name[0] == "."]


def test_what_else_writes(folder, capsys):
    url = folder + "/a.tfrecord"
    tfr.write_examples(url, {"label": np.arange(9)})
    assert len(list(tfr.read_records(url))) == 9
    assert tfr.RecordIndex.build(url).save() == url + ".index"
    assert len(tfr.RecordIndex.load(url)) == 9
    report = tfr.salvage(url, folder + "/b.tfrecord")
    assert report.ok
    with pytest.raises(ValueError, match="never replaces its source"):
        tfr.salvage(url, url, overwrite=True)
    for arguments in (["verify", url], ["info", url], ["index", url]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code
    assert "Traceback" not in capsys.readouterr().err


def test_a_manifest_names_no_url(folder):
    write(folder + "/s", RECORDS)
    memory = fsspec.filesystem("memory")
    path = f"/{folder[9:]}/s.manifest.json"
    text = memory.cat(path).replace(b"s-00001", b"memory://other/s-00001")
    memory.pipe(path, text)
    with pytest.raises(tfr.TFRecordError, match="a shard outside the manifest's folder"):
        tfr.read_records(folder + "/s")


def test_splits_of_an_object(folder):
    url = folder + "/a"
    tfr.write_records(url, RECORDS * 50)
    splits = tfr.RecordSet(url).splits(4)
    assert len(splits) == 4
    assert [record for split in splits for record in split] == RECORDS * 50


@pytest.fixture
def root():
    """The root of a store, where nothing is."""
    fsspec.filesystem("memory").store.clear()
    yield "memory://"
    fsspec.filesystem("memory").store.clear()


@pytest.mark.parametrize("slashes", ["memory://", "memory:///"])
def test_files_in_the_root_of_a_store(root, slashes, tmp_path, monkeypatch):
    """The folder of `memory://a` is the store, and no directory `memory:` of this machine."""
    monkeypatch.chdir(tmp_path)
    url = slashes + "a.tfrecord"
    examples = [tfr.encode_example({"label": number}) for number in range(7)]
    tfr.write_records(url, examples)
    tfr.RecordIndex.build(url).save()
    assert tfr.RecordSet(url)[-1] == examples[-1]
    assert tfr.find_manifest(url) is None
    assert tfr.verify(url)
    assert sum(len(batch["label"]) for batch in tfr.Dataset(url, batch_size=3)) == 7
    for means_it in (root, slashes, slashes + "*", slashes + "a*", root + "**", slashes + "**"):
        assert list(tfr.read_records(means_it)) == examples
    with pytest.raises(FileNotFoundError, match="no file matches"):
        tfr.read_records(slashes + "b*")
    name = slashes + "train"
    manifest = write(name, examples, records_per_shard=3)
    for means_it in (name, name + "@3", name + "-*", manifest.path, manifest.files):
        assert list(tfr.read_records(means_it)) == examples
        assert tfr.RecordSet(means_it).manifest == manifest
        assert tfr.verify(means_it)
    fsspec.filesystem("memory").rm_file("/train-00001-of-00003.tfrecord")
    with pytest.raises(FileNotFoundError, match="1 of 3 shards"):
        tfr.read_records(name)
    assert not tfr.verify(name)
    assert write(name, OTHERS, overwrite=True).records == len(OTHERS)
    tfr.salvage(name, slashes + "rescued")
    assert sorted(tfr.read_records(slashes + "rescued")) == sorted(OTHERS)
    assert not list(tmp_path.iterdir())


def test_a_glob_of_folders_in_the_root_of_a_store(root):
    for folder in ("one", "two"):
        tfr.write_records(f"{root}{folder}/a", RECORDS[:2])
    assert list(tfr.read_records(root + "*/a")) == RECORDS[:2] * 2
    assert tfr.expand_shards(root + "t*/*") == ["memory://two/a"]


@pytest.mark.parametrize("url", ["s3://bucket", "gs://bucket", "http://localhost"])
def test_a_bucket_is_no_set(url, tmp_path, monkeypatch):
    """Nothing is written here, nor asked of a bucket that was not named."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"{url}: a bucket.*pass {url}/NAME"):
        tfr.ShardWriter(url)
    asked = []
    monkeypatch.setattr("tfrecord_lite.files.resolve.exists", asked.append)
    with pytest.raises(FileNotFoundError, match=url):
        tfr.read_records(url)
    assert set(asked) == {url}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["s3", "gs", "http"])
def test_a_set_that_is_called_as_a_scheme_is(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(name, RECORDS)
    assert list(tfr.read_records(name)) == RECORDS
    assert tfr.verify(name)
