"""Objects by HTTP, read by each library: ranges ahead, lost connections, and what servers do."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.cli import main
from tfrecord_lite.dataset.damage_report import DamageReport
from tfrecord_lite.files.manifest import ManifestEntry
from tfrecord_lite.records.file_system import open_file
from tfrecord_lite.stores.store import store_of
from tfrecord_lite.thresholds import limits, thresholds

RECORDS = [b"%d-" % number * (number % 1000) for number in range(3000)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "a"
    tfr.write_records(path, RECORDS)
    return path.read_bytes()


@pytest.fixture
def url(server, data):
    server.objects["/a b.tfrecord"] = data
    return server.url + "/a%20b.tfrecord"


@pytest.fixture
def small_ranges(monkeypatch):
    monkeypatch.setattr(thresholds, "remote_first_bytes", 1 << 14)
    monkeypatch.setattr(thresholds, "remote_range_bytes", 1 << 16)


def spans(server):
    """Return the ranges asked for as pairs, in their order in the object."""
    asked = [found.removeprefix("bytes=").split("-") for found in server.gets() if found]
    return sorted((int(begin), int(end) + 1) for begin, end in asked)


def test_ranges_are_read_ahead_and_none_twice(server, url, data, small_ranges):
    assert list(tfr.read_records(url)) == RECORDS
    edges = spans(server)
    # Once more from the front: whoever looks what the file is.
    whole = [span for span in edges if span[0]]
    assert [begin for begin, _ in whole[1:]] == [end for _, end in whole[:-1]]
    assert whole[-1][1] == len(data)
    most = thresholds.remote_range_bytes * (2 if store_of(url).streams else 1)
    assert max(end - begin for begin, end in whole) <= most


def test_what_is_ahead_is_bounded(server, url, data, small_ranges, monkeypatch):
    monkeypatch.setattr(limits, "remote_ahead_bytes", 1 << 18)
    with open_file(url) as one, open_file(url) as other:
        taken = 0
        for file in (one, other) * 20:
            taken += len(file.read(1 << 13))
        asked = sum(end - begin for begin, end in spans(server))
        # What was taken, and of each what is ahead, and a range that was begun.
        assert taken <= asked <= taken + (1 << 18) + 2 * thresholds.remote_range_bytes


def test_a_lost_connection_goes_on_at_that_byte(server, url, small_ranges):
    server.cut = {1: 100, 4: 5000, 7: 0}
    assert list(tfr.read_records(url)) == RECORDS


def test_a_line_that_is_lost_again_and_again(server, url, small_ranges):
    server.cut = dict.fromkeys(range(2, 10_000), 10)
    with pytest.raises(OSError, match=rf"^{url.replace('.', '.')}: at byte \d+: ") as caught:
        list(tfr.read_records(url))
    assert not isinstance(caught.value, tfr.TFRecordError)
    server.cut = {}


def test_a_reader_goes_on_where_the_line_failed(server, url, small_ranges):
    with tfr.RecordReader(url) as reader:
        found = [next(reader)]
        server.fail, server.failures = 503, 10_000
        with pytest.raises(OSError, match="503"):
            for record in reader:
                found.append(record)
        server.fail = 0
        found += reader
    assert found == RECORDS


@pytest.mark.parametrize("status", [403, 500])
def test_a_server_that_fails(server, url, status):
    server.fail, server.failures = status, 1000
    with pytest.raises(OSError, match=rf"{url}.*{status}"):
        list(tfr.read_records(url))


def test_a_server_that_ignores_ranges(server, url, small_ranges):
    server.ignores_ranges = True
    with pytest.raises(OSError, match=rf"{url}: at byte \d+: the server does not know ranges"):
        list(tfr.read_records(url))


@pytest.mark.parametrize("has_etags", [True, False])
def test_an_object_that_is_replaced(server, url, data, small_ranges, has_etags):
    server.has_etags = has_etags
    with tfr.RecordReader(url) as reader:
        next(reader)
        # Without an ETag its size tells.
        server.objects["/a b.tfrecord"] = data[:-7] if not has_etags else data[::-1]
        with pytest.raises(OSError, match=rf"{url}: .*(replaced|ends here|416)"):
            list(reader)


def test_an_object_that_is_truncated(server, url, data, small_ranges):
    server.objects["/a b.tfrecord"] = data[:-7]
    with pytest.raises(tfr.TruncatedRecordError, match=rf"^{url}: record 2999 "):
        list(tfr.read_records(url))


def test_no_object(server):
    for name in ("/none", "/none.manifest.json"):
        with pytest.raises(FileNotFoundError, match=server.url + name):
            tfr.read_records(server.url + name)
    with pytest.raises(FileNotFoundError, match=server.url):
        tfr.RecordReader(server.url + "/none")


@pytest.mark.parametrize("url", ["s3://", "gs:///a.tfrecord"])
def test_no_bucket(url):
    pytest.importorskip("obstore")
    with pytest.raises(ValueError, match=f"^{url}: [^\n]*$"):
        tfr.expand_shards(url)


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/a"])
def test_a_redirect_to_what_is_no_http(server, url, where):
    server.redirect = where
    with pytest.raises(OSError, match=server.url):
        list(tfr.RecordReader(url))


def test_records_by_number_come_by_few_requests(server, url, data):
    tfr_index = tfr.RecordIndex.build(url)
    with tfr.RecordFile(url, index=tfr_index) as file:
        server.requests.clear()
        numbers = random.Random(1).sample(range(3000), 300)
        assert file[numbers] == [RECORDS[number] for number in numbers]
        assert len(server.requests) <= 300 * 1.2
        scattered = len(server.requests)
        server.requests.clear()
        assert file[1000:1300] == RECORDS[1000:1300]
        assert len(server.requests) * 20 <= 300
        server.requests.clear()
        # Too far from each other for one request.
        thresholds_before = thresholds.remote_gap_bytes
        try:
            thresholds.remote_gap_bytes = 0
            assert file[[0, 1500, 2999]] == [RECORDS[0], RECORDS[1500], RECORDS[2999]]
        finally:
            thresholds.remote_gap_bytes = thresholds_before
        assert len(server.requests) == 3 < scattered


def test_a_sidecar_beside_it(server, url, data, tmp_path):
    (tmp_path / "a").write_bytes(data)
    sidecar = tfr.RecordIndex.build(tmp_path / "a").save()
    with open(sidecar, "rb") as file:
        server.objects["/a b.tfrecord.index"] = file.read()
    server.requests.clear()
    with tfr.RecordFile(url) as file:
        assert file[2000] == RECORDS[2000]
    asked = sum(end - begin for begin, end in spans(server))
    assert asked < 1 << 18 < len(data)


def test_what_is_larger_than_a_range_is_read_whole(server, url, data, tmp_path, monkeypatch):
    monkeypatch.setattr(thresholds, "remote_first_bytes", 1 << 8)
    monkeypatch.setattr(thresholds, "remote_range_bytes", 1 << 8)
    monkeypatch.setattr(thresholds, "index_whole_rows", 10)
    (tmp_path / "a").write_bytes(data)
    with open(tfr.RecordIndex.build(tmp_path / "a").save(), "rb") as file:
        server.objects["/a b.tfrecord.index"] = file.read()
    with tfr.RecordFile(url) as file:
        assert file[[0, 2000, 2999]] == [RECORDS[0], RECORDS[2000], RECORDS[2999]]
    entries = tuple(ManifestEntry(f"s{number}", 0, 0, 0, 0) for number in range(30))
    manifest = tfr.Manifest("x/s.manifest.json", entries)
    server.objects["/s.manifest.json"] = manifest.to_json().encode()
    assert len(tfr.Manifest.load(server.url + "/s.manifest.json").entries) == 30


def test_a_set_by_its_manifest(server, tmp_path):
    with tfr.ShardWriter(tmp_path / "s", num_shards=4) as writer:
        writer.write_many(RECORDS)
    for file in tmp_path.iterdir():
        server.objects[f"/d/{file.name}"] = file.read_bytes()
    assert len(tfr.RecordSet(server.url + "/d/s")) == 3000
    assert sorted(tfr.read_records(server.url + "/d/s@4")) == sorted(RECORDS)
    del server.objects["/d/s-00002-of-00004.tfrecord"]
    with pytest.raises(FileNotFoundError, match="1 of 4 shards are missing: http.*s-00002"):
        tfr.RecordSet(server.url + "/d/s")


def test_no_secret_is_shown(server, data, capsys, library):
    if library == "obstore":
        pytest.importorskip("aiohttp")
    secret = server.url.replace("http://", "http://me:SECRET@") + "/a?Signature=SECRET"
    failing = {
        "missing": lambda: tfr.RecordReader(secret),
        "resolved": lambda: tfr.read_records(secret),
        "broken": lambda: list(tfr.RecordReader(secret)),
        "damaged": lambda: list(tfr.RecordReader(secret)),
        "manifest": lambda: tfr.Manifest.load(secret),
        "index": lambda: tfr.RecordFile(secret)[0],
        "set": lambda: list(tfr.RecordSet(secret)),
    }
    for name, call in failing.items():
        if name == "broken":
            server.objects["/a"] = data
            server.fail, server.failures = 500, 100
        elif name == "damaged":
            server.failures = 0
            server.objects["/a"] = b"x" * 20 + data[20:]
        with pytest.raises(Exception, match="/a") as caught:
            call()
        assert "SECRET" not in str(caught.value), name
        assert "SECRET" not in repr(tfr.RecordSet(secret)) if name == "set" else True
    report = tfr.verify(secret)
    assert not report.ok
    print(report, repr(report), report.files[0])
    assert "SECRET" not in capsys.readouterr().out


FORKED = """
import os, sys
import tfrecord_lite as tfr
with tfr.RecordReader(sys.argv[1]) as reader, tfr.RecordFile(sys.argv[1]) as file:
    first = next(reader)
    child = os.fork()
    rest = [first, *reader], file[100]
    if not child:
        os._exit(len(rest[0]) != 3000)
    assert os.waitpid(child, 0)[1] == 0
    assert len(rest[0]) == 3000
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_reads_on(server, url):
    pytest.importorskip("aiohttp")
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED, url], check=True, timeout=60)


ENDING = """
import sys
from tfrecord_lite.records.file_system import open_file
from tfrecord_lite.thresholds import thresholds

thresholds.remote_first_bytes = 1 << 17
file = open_file(sys.argv[1])
# More were asked for just now, and bytes of them are on their way.
file.read(3 * (1 << 17) + 1)
"""


def test_the_interpreter_ends_while_ranges_are_on_their_way(server, url):
    """fsspec closes its connections then: what comes by them was waited for for ever."""
    server.rate = 1 << 20
    subprocess.run([sys.executable, "-c", ENDING, url], check=True, timeout=20)


class Late(Exception):
    """What the handler of an alarm raises."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no alarms")
def test_an_alarm_ends_what_waits_for_a_server(server, url):
    def late(*_):
        raise Late("too late")

    assert len(server.objects["/a b.tfrecord"]) > 1 << 20
    with open_file(url) as file:
        before = signal.signal(signal.SIGALRM, late)
        # The range takes half a second.
        server.rate = 1 << 21
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            with pytest.raises((Late, OSError), match="too late"):
                file.read(1 << 20)
        finally:
            signal.signal(signal.SIGALRM, before)


@pytest.fixture
def blocked(server, tmp_path):
    """The URL of a blocked gzip file of many members, without a sidecar."""
    path = tmp_path / "a.gz"
    tfr.write_records(path, RECORDS, compression="GZIP", block_bytes=1 << 12)
    server.objects["/a.gz"] = path.read_bytes()
    return server.url + "/a.gz"


@pytest.mark.parametrize("range_bytes", [1 << 21, 1 << 10])
def test_the_members_of_blocked_gzip_come_by_few_requests(
    server, blocked, tmp_path, monkeypatch, range_bytes
):
    monkeypatch.setattr(thresholds, "remote_range_bytes", range_bytes)
    index = tfr.RecordIndex.build(blocked)
    expected = tfr.RecordIndex.build(tmp_path / "a.gz")
    assert all(map(np.array_equal, index.members, expected.members))
    if range_bytes > 1 << 20:
        assert len(server.requests) < 20 < len(index.members.offsets) // 10
    server.objects["/a.gz"] = server.objects["/a.gz"][:-10]
    with pytest.raises(tfr.TruncatedRecordError, match="10 are missing"):
        tfr.RecordIndex.build(blocked)


def test_json_and_reports_show_no_secret(server, data, capsys, tmp_path):
    pytest.importorskip("aiohttp")
    server.objects["/a"] = data[:100] + b"x" + data[101:]
    secret = server.url.replace("http://", "http://me:SECRET@") + "/a?Signature=SECRET"
    plain = server.url + "/a?..."
    with pytest.raises(tfr.TFRecordError) as caught:
        list(tfr.RecordReader(secret))
    assert caught.value.path == pickle.loads(pickle.dumps(caught.value)).path == plain
    for command in ("verify", "info"):
        with pytest.raises(SystemExit):
            main([command, "--json", secret])
        printed = capsys.readouterr()
        assert plain in printed.out
        assert "SECRET" not in printed.out + printed.err
    DamageReport(tmp_path / "report")(tfr.Damage(secret, 0, 1, 0, "data", "bad"))
    assert json.loads((tmp_path / "report").read_text())["path"] == plain
