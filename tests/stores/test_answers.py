"""What stores answer but bytes: that there is no object, that it is not for you, or not now."""

from __future__ import annotations

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.stores.fsspec_store import FsspecStore
from tfrecord_lite.stores.store import errors_of

fsspec = pytest.importorskip("fsspec")
RECORDS = [b"one", b"", b"three"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "a"
    tfr.write_records(path, RECORDS)
    return path.read_bytes()


@pytest.mark.parametrize("at_all", [False, True])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, PermissionError),
        (403, PermissionError),
        (404, FileNotFoundError),
        (410, FileNotFoundError),
    ],
)
def test_the_error_is_of_the_answers_kind(server, data, status, kind, at_all):
    server.objects["/a"] = data
    server.fail, server.failures, server.fails_at_all = status, 1000, at_all
    with pytest.raises(kind, match=server.url + "/a"):
        list(tfr.read_records(server.url + "/a"))


@pytest.mark.parametrize("status", [405, 501])
def test_a_server_that_has_no_answer_to_head(server, data, status):
    server.objects.update({"/a": data, "/empty": b""})
    server.head = status
    assert list(tfr.read_records(server.url + "/a")) == RECORDS
    assert tfr.RecordSet(server.url + "/a")[2] == RECORDS[2]
    assert not list(tfr.read_records(server.url + "/empty"))
    with pytest.raises(FileNotFoundError, match=server.url + "/none"):
        tfr.read_records(server.url + "/none")


def test_a_fragment_is_no_part_of_the_name(server, data):
    pytest.importorskip("aiohttp")
    server.objects.update({"/a": data, "/b#c": data})
    for name in ("/a#c", "/b%23c"):
        assert list(tfr.read_records(server.url + name)) == RECORDS
    with pytest.raises(FileNotFoundError, match="/b#c"):
        tfr.read_records(server.url + "/b#c")


@pytest.mark.parametrize(
    "url", ["https://s3.amazonaws.com/bucket/a", "https://me.blob.core.windows.net/folder/a"]
)
def test_servers_of_buckets_are_servers_of_http_too(url):
    """Nothing is asked of them here; they were no URLs, or buckets of other names."""
    store = pytest.importorskip("tfrecord_lite.stores.obstore_store").ObstoreStore(url)
    assert not store.is_directory(url)


def test_a_server_that_cannot_be_written_to():
    pytest.importorskip("aiohttp")
    with pytest.raises(OSError, match="^http://localhost/a: the library .* cannot do this"):
        FsspecStore("http://localhost/a").put("http://localhost/a", b"")


@pytest.mark.parametrize("end", ["", "/"])
def test_no_other_server_is_asked_than_that_which_was_named(server, end):
    with pytest.raises(FileNotFoundError, match=server.url) as caught:
        tfr.read_records(server.url + end)
    assert "manifest" not in str(caught.value)


def test_a_server_that_fails_has_the_object_all_the_same(server, data):
    server.objects["/a"] = data
    server.fail, server.failures, server.fails_at_all = 500, 1000, True
    with pytest.raises(OSError, match="500") as caught:
        tfr.read_records(server.url + "/a")
    assert not isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("at_all", [False, True])
def test_a_server_that_is_busy_for_a_while(server, data, status, at_all):
    server.objects["/a"] = data
    server.fail, server.failures, server.fails_at_all = status, 2, at_all
    assert list(tfr.read_records(server.url + "/a")) == RECORDS


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_listing_of_a_server_that_is_busy_for_a_while(server, data, status):
    pytest.importorskip("aiohttp")
    server.objects.update({"/x/": b'<a href="a">a</a>', "/x/a": data})
    server.fail, server.failures, server.fails_at_all = status, 2, True
    assert list(tfr.read_records(server.url + "/x/")) == RECORDS


def test_a_server_that_shows_what_is_asked_for_alone(server, data):
    server.objects["/a"] = server.objects["/b"] = data
    server.missing = 403
    for paths in (server.url + "/a", [server.url + "/a", server.url + "/b"]):
        found = tfr.RecordSet(paths)
        assert found[-1] == RECORDS[-1]
        assert len(found.splits(2)) == 2
        assert tfr.verify(paths).ok
    with pytest.raises(PermissionError, match="/none"):
        tfr.read_records(server.url + "/none")


@pytest.fixture
def served_set(server, tmp_path):
    with tfr.ShardWriter(tmp_path / "set", num_shards=2) as writer:
        writer.write_many(RECORDS)
    server.objects.update({f"/{path.name}": path.read_bytes() for path in tmp_path.iterdir()})
    return server.url + "/set"


def test_a_set_where_what_is_missing_is_forbidden(server, served_set):
    server.missing = 403
    for name in (served_set, served_set + "@2"):
        assert sorted(tfr.read_records(name)) == sorted(RECORDS)
        assert tfr.verify(name).ok
    with pytest.raises(PermissionError, match="/none: no permission"):
        tfr.read_records(server.url + "/none")


def test_verify_asks_for_a_shard_twice(server, served_set):
    assert tfr.verify(served_set).ok
    asked = [path for method, path, _ in server.requests if method == "GET" and "-of-" in path]
    # For its records, and for its checksum.
    assert len(asked) == 2 * 2


@pytest.mark.parametrize("name", ["/a//b", "/a/b"])
def test_each_slash_counts(server, data, name):
    server.objects[name] = data
    server.objects["/a"] = server.objects["/b"] = b""
    assert list(tfr.read_records(server.url + name)) == RECORDS


def test_objects_that_nobody_may_list(folder, monkeypatch):
    urls = [f"{folder}/{name}.tfrecord" for name in "ab"]
    for url in urls:
        tfr.write_records(url, RECORDS)
    with tfr.ShardWriter(folder + "/set", num_shards=2) as writer:
        writer.write_many(RECORDS)

    def refuse(store, url):
        raise PermissionError(url)

    monkeypatch.setattr(FsspecStore, "list", refuse)
    monkeypatch.setattr(FsspecStore, "is_directory", refuse)
    for paths, count in ((urls[0], 3), (urls, 6), (folder + "/set.manifest.json", 3)):
        assert len(list(tfr.read_records(paths))) == count
        assert len(tfr.RecordSet(paths)) == count
        assert tfr.verify(paths).ok
    for paths in (folder + "/*", folder + "/**", folder + "/?/*", folder + "/b@2"):
        with pytest.raises(PermissionError, match=folder):
            tfr.expand_shards(paths)


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(folder, monkeypatch):
    for name in ("a", "b/c"):
        tfr.write_records(f"{folder}/{name}.tfrecord", RECORDS)
    listed = FsspecStore.list

    def fail(store, url):
        if url.endswith("/b"):
            raise OSError(f"{url}: busy")
        return listed(store, url)

    monkeypatch.setattr(FsspecStore, "list", fail)
    for pattern in ("/**", "/**/*.tfrecord", "/b/*.tfrecord", "/?/*.tfrecord"):
        with pytest.raises(OSError, match="busy"):
            tfr.read_records(folder + pattern)


def test_a_glob_of_folders_asks_nothing_of_each_file(folder, monkeypatch):
    for number in range(30):
        tfr.write_records(f"{folder}/{number % 2}/{number:02d}", [b"%d" % number])
    asked = []
    path = FsspecStore._path
    monkeypatch.setattr(
        FsspecStore, "_path", lambda store, url: asked.append(url) or path(store, url)
    )
    assert len(tfr.expand_shards(folder + "/?/*")) == 30
    assert len(asked) < 20


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_slashes_after_a_folder(folder, slashes):
    tfr.write_records(folder + "/a", RECORDS)
    files = tfr.expand_shards(folder + slashes)
    assert files == [folder + "/a"]
    assert list(tfr.read_records(files)) == RECORDS


@pytest.mark.parametrize("end", ["/", "/a/", "/a//"])
def test_a_name_that_ends_in_a_slash_is_not_written(folder, names, end):
    with pytest.raises(IsADirectoryError, match=folder + end):
        tfr.write_records(folder + end, RECORDS)
    with pytest.raises(IsADirectoryError, match="s3://bucket"):
        tfr.write_records("s3://bucket", RECORDS)
    assert not fsspec.filesystem("memory").exists("/" + folder.partition("://")[2])


def test_a_scheme_in_capitals(folder):
    url = folder.replace("memory", "MEMORY") + "/a"
    tfr.write_records(url, RECORDS)
    assert list(tfr.read_records(url)) == list(tfr.read_records(folder + "/a")) == RECORDS


def test_a_library_that_takes_the_password_for_a_bucket():
    with (
        pytest.raises(OSError, match="^s3://bucket/a: ") as caught,
        errors_of("s3://me:SECRET@bucket/a"),
    ):
        raise ValueError("no bucket 'me:SECRET@bucket'; bucket_me:SECRET_1 is no name")
    assert "SECRET" not in str(caught.value)


def test_the_container_of_a_url_is_shown():
    url = "abfs://c@account.dfs.core.windows.net/a"
    with (
        pytest.raises(PermissionError, match=rf"^{url}: no permission: .*code: 403"),
        errors_of(url),
    ):
        raise ValueError("Server returned non-2xx status code: 403 Forbidden")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("password", ["SECRET", "a::SECRET"])
def test_a_server_that_refuses_the_first_connection(password):
    with pytest.raises(OSError, match="ftp://127.0.0.1:1/a") as caught:
        tfr.read_records(f"ftp://me:{password}@127.0.0.1:1/a")
    assert "SECRET" not in str(caught.value)
