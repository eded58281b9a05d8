"""What goes wrong: the page says what it is, and the server lives."""

from __future__ import annotations

import gzip
import json
import os
import urllib.request

import numpy as np
import pytest
from viewer_pages import record

import tfrecord_lite as tfr
from tfrecord_lite.records.framing import header_of

LARGE = 1 << 30


def lives(page):
    """Tell whether the server answers."""
    address = page.url.partition("#")[0]
    with urllib.request.urlopen(address + "state", timeout=60) as answer:
        return "records" in json.load(answer)


def damaged(path):
    tfr.write_examples(path, {"label": list(range(50))})
    data = bytearray(path.read_bytes())
    for record_number in (10, 30):
        data[len(data) // 50 * record_number + 14] ^= 1
    path.write_bytes(data[:-5])


def truncated_gzip(path):
    tfr.write_examples(path, {"label": list(range(1000))})
    path.write_bytes(gzip.compress(path.read_bytes())[:-100])


FILES = {
    "empty": (lambda path: path.write_bytes(b""), "There are no records."),
    "text": (lambda path: path.write_text("a,b\n1,2\n" * 99), "this is no TFRecord file"),
    "image": (
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)),
        "It looks like a PNG image",
    ),
    "damaged": (damaged, "checksum of the data"),
    "truncated gzip": (truncated_gzip, "1 damaged region"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_that_are_not_what_they_should_be(show, tmp_path, kind):
    make, told = FILES[kind]
    make(tmp_path / "a")
    page = show(tmp_path / "a")
    page.wait_for_function(
        "told => document.body.innerText.toLowerCase().includes(told.toLowerCase())", arg=told
    )
    page.click("#to-features")
    page.wait_for_selector("h3:has-text('Records')")
    page.click("#to-files")
    page.wait_for_selector(".features section")
    if kind != "empty":
        page.wait_for_selector(".wrong:visible")
    assert lives(page)


def test_the_map_tells_each_region_and_leads_to_its_record(show, tmp_path):
    damaged(tmp_path / "a")
    page = show(tmp_path / "a", "#/files")
    page.wait_for_selector(".map .bad >> nth=2", state="attached")
    titles = page.locator(".map .bad title").all_text_contents()
    assert [title.rpartition(": ")[2] for title in titles] == ["data", "data", "truncated"]
    rows = page.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["10", "30", "49"]
    page.click("tbody a >> nth=1")
    page.wait_for_selector("h2:text-is('Record 30')")
    page.wait_for_selector(".notice.wrong:has-text('checksum of the data')")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("h2:text-is('Record 31')")
    page.wait_for_selector(".features section")


def test_a_file_that_grows(show, tmp_path):
    tfr.write_examples(tmp_path / "a", {"x": [1, 2]})
    page = show(tmp_path / "a")
    page.wait_for_selector("#summary:has-text('2 records')")
    tfr.write_examples(tmp_path / "a", {"x": [3, 4, 5]}, mode="a")
    page.wait_for_selector("#summary:has-text('5 records')")
    page.wait_for_function("() => document.querySelectorAll('.grid > li').length === 5")


def test_a_file_that_vanishes(show, tmp_path):
    for name in ("a", "b"):
        tfr.write_examples(tmp_path / name, {"x": [1, 2]})
    page = show(tmp_path)
    page.wait_for_selector("#summary:has-text('4 records')")
    os.remove(tmp_path / "b")
    page.wait_for_selector("#summary:has-text('1 file unreadable')")
    page.click("#to-files")
    page.wait_for_selector(".notice.wrong:has-text('No such file')")
    record(page, 1)
    assert lives(page)


def test_a_million_features(show, tmp_path):
    with tfr.RecordWriter(tmp_path / "a") as writer:
        writer.write_example({f"feature {number}": number for number in range(1_000_000)})
        writer.write_example({"x": 1})
    page = show(tmp_path / "a")
    page.wait_for_function("() => document.querySelectorAll('.grid > li').length === 2")
    record(page, 0)
    page.wait_for_selector("text=shown, and others: there are too many")
    page.click("text=More features")
    page.wait_for_function("() => document.querySelectorAll('.facts dt').length === 400")
    page.click("summary:has-text('JSON')")
    page.wait_for_selector(".json:has-text('too large for this')")
    page.click("#to-features")
    page.wait_for_selector("[role=status]:has-text('all 2 records looked at')")
    page.wait_for_selector("text=there are too many features to show")
    assert page.locator(".features > section").count() == 202
    page.click("#to-records")
    page.fill("#where", "x == 1")
    page.keyboard.press("Enter")
    page.wait_for_selector(".found:has-text('1 record found')")
    assert lives(page)


def test_a_string_of_a_gibibyte(show, tmp_path):
    """It is named, by its size, and never read into memory; the record behind it is there."""
    first = tfr.encode_example({"x": 1})
    with open(tmp_path / "a", "wb") as file:
        file.write(header_of(LARGE))
        file.seek(LARGE, os.SEEK_CUR)
        file.write(bytes(4))
    tfr.write_records(tmp_path / "b", [first])
    with open(tmp_path / "a", "ab") as file:
        file.write((tmp_path / "b").read_bytes())
    os.remove(tmp_path / "b")
    page = show(tmp_path / "a")
    page.wait_for_selector(".bad-card:has-text('Too large to show')")
    page.wait_for_function("() => document.querySelectorAll('.grid > li').length === 2")
    record(page, 1)
    assert lives(page)


def test_long_strings_are_cut(show, tmp_path):
    tfr.write_examples(tmp_path / "a", {"text": ["<b>a</b> " * 3_000_000]})
    page = show(tmp_path / "a", "#/record/0")
    page.wait_for_selector("text=25.7 MiB in all")
    assert page.evaluate("document.body.innerText.length") < 30_000
    assert page.locator("main b").count() == 0


def test_many_files_some_of_which_are_none(show, tmp_path):
    for number in range(250):
        (tmp_path / f"{number:03}").write_bytes(b"")
    tfr.write_examples(tmp_path / "999", {"x": np.arange(3)})
    page = show(tmp_path)
    page.wait_for_selector("#summary:has-text('3 records')")
    page.click("#to-files")
    page.wait_for_selector("text=251 files; 0 to 199 are shown")
    page.click("text=More files")
    page.wait_for_selector("h3:has-text('999')")


def test_a_browser_that_goes_away(show, tmp_path, browser):
    tfr.write_examples(tmp_path / "a", {"x": list(range(100_000))})
    page = show(tmp_path / "a")
    for where in ("", "#/features", "#/record/99999"):
        other = browser.new_page()
        other.goto(page.url.partition("#")[0] + where, wait_until="commit")
        other.close()
    record(page, 99_999)
    assert lives(page)


def test_urls(show, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    tfr.write_examples(tmp_path / "a", {"label": list(range(100))})
    memory = fsspec.filesystem("memory")
    memory.pipe("/viewed/a", (tmp_path / "a").read_bytes())
    page = show("memory://viewed/a")
    page.wait_for_selector("#summary:has-text('100 records')")
    assert page.title() == "memory://viewed/a: TFRecord viewer"
    record(page, 99)
    page.click("#to-files")
    page.wait_for_selector("h3:has-text('memory://viewed/a')")
    page.click("#to-features")
    page.wait_for_selector("section:has-text('0 to 99, mean 49.5')")
    memory.rm("/viewed", recursive=True)
