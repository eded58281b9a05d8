"""Jobs, engines' writers and tables with URLs as sources and as targets."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite import jobs
from tfrecord_lite.cli import main
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.stores.fsspec_store import FsspecStore

fsspec = pytest.importorskip("fsspec")
RECORDS = [b"%d" % number * 50 for number in range(100)]


def write_set(url, records=RECORDS):
    with tfr.ShardWriter(url, records_per_shard=30) as writer:
        writer.write_many(records)


@pytest.fixture
def asked(monkeypatch):
    """The URLs of which the store is asked for size and version, in their order."""
    urls = []
    state = FsspecStore.state
    monkeypatch.setattr(
        FsspecStore, "state", lambda self, url: urls.append(url) or state(self, url)
    )
    return urls


def attempt(job, task, records):
    """Write one attempt, with a job that went to another process by pickle."""
    with pickle.loads(pickle.dumps(job)).open(task) as writer:
        writer.write_many(records)
    return pickle.loads(pickle.dumps(writer.manifest))


@pytest.mark.parametrize("hold", [True, False])
def test_one_attempt_of_each_task(folder, names, hold):
    job = WriteJob(folder + "/s", compression="GZIP")
    job.start(hold=hold)
    failed = pickle.loads(pickle.dumps(job)).open(0)
    failed.write(b"half")
    chosen = [attempt(job, 0, RECORDS[:10]), attempt(job, 1, RECORDS[10:])]
    attempt(job, 1, RECORDS[10:])
    attempt(job, 2, [])
    manifest = pickle.loads(pickle.dumps(job)).commit(chosen)
    assert list(tfr.read_records(folder + "/s")) == RECORDS
    expected = [*(entry.name for entry in manifest.entries), "s.manifest.json"]
    assert names(folder) == expected
    with pytest.raises(FileNotFoundError):
        failed.close()
    assert names(folder) == expected


def test_an_attempt_that_ends_behind_its_job_leaves_nothing(folder, names):
    job = WriteJob(folder + "/s")
    job.start()
    late, later = job.open(0), job.open(1)
    late.write_many(RECORDS)
    job.abort()
    for writer in (late, later):
        with pytest.raises(FileNotFoundError, match="the job that writes it is over"):
            writer.close()
    with pytest.raises(FileNotFoundError, match="the job that writes it is over"):
        job.open(2)
    assert names(folder) == []


def test_a_set_that_stands(folder, names):
    write_set(folder + "/s")
    before = names(folder)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        WriteJob(folder + "/s").start()
    with pytest.raises(ValueError, match="level"):
        WriteJob(folder + "/s", overwrite=True, level=77).start()
    job = WriteJob(folder + "/s", overwrite=True)
    job.start()
    attempt(job, 0, [b"new"])
    job.abort()
    assert names(folder) == before
    job.start()
    job.commit([attempt(job, 0, [b"new"])])
    assert list(tfr.read_records(folder)) == [b"new"]
    assert len(names(folder)) == 2


def test_what_a_killed_job_left_goes_with_the_next(folder, names):
    memory = fsspec.filesystem("memory")
    for number in ("", ".part-99999"):
        left = f".s.0123abcd{number}.tfrecord-partial/000000-0123abcd.manifest.json"
        memory.pipe(f"/{folder[9:]}/{left}", b"left")
    job = WriteJob(folder + "/s")
    job.start()
    job.abort()
    assert names(folder) == []


def test_the_manifests_of_many_tasks_are_checked_by_one_listing(folder, asked):
    job = WriteJob(folder + "/s")
    job.start()
    manifests = [attempt(job, task, RECORDS[task : task + 1]) for task in range(20)]
    asked.clear()
    job.commit(manifests)
    assert len(asked) < 20


def test_merge(folder, names):
    write_set(folder + "/s")
    assert jobs.merge(folder + "/s", folder + "/all.tfrecord.gz") == 100
    assert list(tfr.read_records(folder + "/all.tfrecord.gz")) == RECORDS
    for source in (folder + "/all.tfrecord.gz", [folder + "/s", folder + "/all.tfrecord.gz"]):
        with pytest.raises(ValueError, match="this is a source"):
            jobs.merge(source, folder + "/all.tfrecord.gz", overwrite=True)
    with pytest.raises(FileExistsError):
        jobs.merge(folder + "/s", folder + "/all.tfrecord.gz")
    assert list(tfr.read_records(folder + "/all.tfrecord.gz")) == RECORDS
    assert len(names(folder)) == 6


def test_from_the_disk_and_to_it(folder, tmp_path):
    jobs.merge([write_local(tmp_path)], folder + "/a.tfrecord")
    jobs.merge(folder + "/a.tfrecord", tmp_path / "back.tfrecord")
    assert (tmp_path / "back.tfrecord").read_bytes() == (tmp_path / "a").read_bytes()


def write_local(folder):
    tfr.write_records(folder / "a", RECORDS)
    return folder / "a"


def test_shard(folder, names):
    write_set(folder + "/s")
    [found] = jobs.shard(folder + "/s", folder + "/t", num_shards=2, shuffle=1)
    assert found.manifest.path == folder + "/t.manifest.json"
    shuffled = list(tfr.read_records(folder + "/t"))
    assert shuffled != RECORDS
    assert sorted(shuffled) == sorted(RECORDS)
    jobs.shard(folder + "/s", folder + "/u", num_shards=1, manifest=False)
    sets = jobs.shard(folder + "/s", folder + "/v", split={"a": 0.5, "b": 0.5})
    assert [one.manifest.records for one in sets] == [50, 50]
    assert [name for name in names(folder) if name[0] in ".tu"] == [
        "t-00000-of-00002.tfrecord",
        "t-00001-of-00002.tfrecord",
        "t.manifest.json",
        "u-00000-of-00001.tfrecord",
    ]


def test_of_several_sets_none_stays_where_one_cannot_be(folder, names, monkeypatch):
    write_set(folder + "/s")
    before = names(folder)
    put = FsspecStore.put

    def failing(self, url, data, **options):
        if url == folder + "/v-b.manifest.json":
            raise OSError(5, "no luck")
        put(self, url, data, **options)

    monkeypatch.setattr(FsspecStore, "put", failing)
    with pytest.raises(OSError, match="no luck"):
        jobs.shard(folder + "/s", folder + "/v", split={"a": 0.5, "b": 0.5})
    assert names(folder) == before


@pytest.mark.parametrize("end", ["tfrecord.gz", "tfrecord"])
def test_shards_of_a_pattern_have_the_compression_of_their_names(folder, end):
    write_set(folder + "/s")
    (found,) = jobs.shard(folder + "/s", f"{folder}/p-{{index:03d}}.{end}")
    assert found.manifest.compression == ("GZIP" if end.endswith("gz") else None)
    with tfr.RecordReader(f"{folder}/p-000.{end}") as reader:
        assert reader.compression == found.manifest.compression
        assert list(reader) == RECORDS


def test_make_manifest(folder, names):
    write_set(folder + "/s")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        jobs.make_manifest(folder + "/s")
    written = tfr.Manifest.load(folder + "/s.manifest.json")
    assert jobs.make_manifest(folder + "/s", overwrite=True) == written
    fsspec.filesystem("memory").rm_file(f"/{folder[9:]}/s.manifest.json")
    assert jobs.make_manifest(folder + "/s") == written
    files = [f"{folder}/s-0000{number}-of-00004.tfrecord" for number in (3, 1)]
    with pytest.raises(FileExistsError, match="already shards of this set"):
        jobs.make_manifest(folder + "/t", files)
    assert jobs.make_manifest(folder + "/s", files, overwrite=True).records == 40
    assert len(names(folder)) == 5


def test_salvage(folder, names):
    write_set(folder + "/s")
    memory = fsspec.filesystem("memory")
    path = f"/{folder[9:]}/s-00001-of-00004.tfrecord"
    data = bytearray(memory.cat(path))
    data[20] ^= 1
    memory.pipe(path, bytes(data))
    report = tfr.salvage(folder + "/s-00001-of-00004.tfrecord", folder + "/rescued.tfrecord")
    assert [file.records for file in report.files] == [29]
    assert list(tfr.read_records(folder + "/rescued.tfrecord")) == RECORDS[31:60]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv", ".jsonl"])
def test_convert_to_tables_and_back(folder, suffix):
    pytest.importorskip("pyarrow")
    columns = {"id": np.arange(300), "x": np.arange(300, dtype=np.float32) + 0.5}
    tfr.write_examples(folder + "/a.tfrecord", columns)
    assert jobs.convert(folder + "/a.tfrecord", folder + "/t" + suffix) == 300
    assert jobs.convert(folder + "/t" + suffix, folder + "/s") == 300
    batches = list(tfr.read_batches(folder + "/s", {"id": np.int64, "x": np.float32}))
    assert np.concatenate([batch["id"] for batch in batches]).tolist() == list(range(300))
    assert np.concatenate([batch["x"] for batch in batches]).tolist() == columns["x"].tolist()
    with pytest.raises(FileExistsError):
        jobs.convert(folder + "/a.tfrecord", folder + "/t" + suffix)


def test_a_folder_of_tables(folder):
    pytest.importorskip("pyarrow")
    for number in range(3):
        tfr.write_examples(folder + f"/{number}.tfrecord", {"id": [number]})
        jobs.convert(folder + f"/{number}.tfrecord", folder + f"/tables/{number}.parquet")
    assert jobs.convert(folder + "/tables", folder + "/all.tfrecord") == 3
    [batch] = tfr.read_batches(folder + "/all.tfrecord", {"id": np.int64})
    assert batch["id"].tolist() == [0, 1, 2]


def test_write_table(folder):
    with tfr.ShardWriter(folder + "/s") as writer:
        writer.write_table({"id": [1, 2, 3]})
    [batch] = tfr.read_batches(folder + "/s")
    assert batch["id"].tolist() == [1, 2, 3]


def test_commands(folder, capsys):
    write_set(folder + "/s")
    for arguments in (
        ["merge", folder + "/s", folder + "/all.tfrecord"],
        ["shard", folder + "/s", folder + "/t", "--num-shards", "2"],
        ["manifest", folder + "/s", "--overwrite"],
        ["convert", folder + "/s", folder + "/c.tfrecord.gz"],
        ["salvage", folder + "/all.tfrecord", folder + "/saved.tfrecord"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code, (arguments, capsys.readouterr())
    for name in ("/all.tfrecord", "/c.tfrecord.gz", "/saved.tfrecord"):
        assert list(tfr.read_records(folder + name)) == RECORDS
    assert len(tfr.Manifest.load(folder + "/t.manifest.json").files) == 2


def test_verify_with_features_at_a_url(folder, capsys):
    tfr.write_examples(folder + "/a.tfrecord", {"id": [1, 2]})
    arguments = ["verify", folder + "/a.tfrecord", "--features", folder + "/f.json"]
    for features, code in (({"id": int}, 0), ({"id": float}, 1), (b"\xff", 2), (None, 2)):
        if features is None:
            fsspec.filesystem("memory").rm_file(f"/{folder[9:]}/f.json")
        else:
            data = features if isinstance(features, bytes) else tfr.features_to_json(features)
            with fsspec.open(folder + "/f.json", "wb") as file:
                file.write(data if isinstance(data, bytes) else data.encode())
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert (ended.value.code or 0) == code, capsys.readouterr()


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_dataset_asks_for_each_object_when_it_reads_it(folder, asked, shuffle):
    with tfr.ShardWriter(folder + "/s", num_shards=20) as writer:
        writer.write_table({"id": list(range(2000))})
    options = {"shuffle": shuffle, "batch_size": 2000, "workers": 0}
    dataset = tfr.Dataset(folder + "/s", {"id": np.int64}, **options)
    for _ in range(2):
        asked.clear()
        [batch] = dataset
        assert sorted(batch["id"].tolist()) == list(range(2000))
        last = [url for url in asked if url.endswith("19-of-00020.tfrecord")]
        # When it is opened, and once more at its end, whether it is still the same.
        assert len(last) <= 2 + shuffle


def test_a_dataset_of_an_object_that_is_gone(folder):
    with tfr.ShardWriter(folder + "/s", num_shards=2) as writer:
        writer.write_table({"id": [1, 2]})
    dataset = tfr.Dataset(folder + "/s", {"id": np.int64}, batch_size=2)
    fsspec.filesystem("memory").rm_file(f"/{folder[9:]}/s-00001-of-00002.tfrecord")
    with pytest.raises(FileNotFoundError, match=folder + "/s-00001"):
        list(dataset)


def test_describe_asks_a_folder_for_the_sizes_in_it(folder, asked):
    with tfr.ShardWriter(folder + "/s", num_shards=20) as writer:
        writer.write_table({"id": list(range(2000))})
    asked.clear()
    found = tfr.describe(folder + "/s")
    assert (found.records, found.features["id"].max, found.ok) == (2000, 1999, True)
    manifest = tfr.Manifest.load(folder + "/s.manifest.json")
    assert found.bytes == sum(entry.size for entry in manifest.entries)
    # When it is opened, and once more at its end, whether it is still the same.
    assert len([url for url in asked if url.endswith("19-of-00020.tfrecord")]) <= 2
