"""Search, filter, sort and statistics on the page: how far they are, and how they are ended."""

from __future__ import annotations

import re
import threading
from typing import Any

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.view.query import Query
from tfrecord_lite.view.statistics import Statistics

COUNT = 60_000


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_examples(
        path,
        {"label": np.arange(COUNT) % 100, "name": [f"n{n} {'x' * 60}" for n in range(COUNT)]},
    )
    return path


@pytest.fixture
def held(monkeypatch):
    """Have searches and statistics wait behind their first blocks, until they are let go."""
    let_go = threading.Event()
    for kind in (Query, Statistics):
        add = kind._add

        def slow(self, block, numbers, add=add):
            if numbers[0]:
                # What was found by now is told from time to time.
                let_go.wait(1)
            add(self, block, numbers)
            if numbers[0]:
                while not let_go.wait(0.05) and not self.cancelled:
                    pass

        monkeypatch.setattr(kind, "_add", slow)
    yield let_go
    let_go.set()


def shown(page, count):
    page.wait_for_function(
        "count => document.querySelectorAll('.grid > li').length === count", arg=count
    )


def test_a_search_is_seen_while_it_goes_on_and_can_be_cancelled(show, path, held):
    page = show(path)
    shown(page, 24)
    page.fill("#where", "label == 3")
    page.keyboard.press("Enter")
    page.wait_for_selector(".found:has-text('records looked at so far')")
    # What was found by now is there already.
    shown(page, 24)
    page.click(".found >> button:text-is('Cancel')")
    page.wait_for_selector(".found:has-text('cancelled after')")
    page.wait_for_selector(".found >> button:text-is('Cancel')", state="hidden")
    page.click("text=Show all records")
    page.wait_for_selector(f".pager :text('23 of {COUNT:,}')")


def test_a_search_that_is_let_go_on_ends(show, path, held):
    page = show(path)
    page.fill("#search", "N5999")
    page.keyboard.press("Enter")
    page.wait_for_selector(".found:has-text('so far')")
    held.set()
    page.wait_for_selector(f".found:has-text('Search: all {COUNT:,} records looked at')")
    assert page.inner_text(".found").startswith("11 records found")
    shown(page, 11)


def test_sorting(show, path):
    page = show(path)
    page.fill("#sort", "label")
    page.check("#descending")
    page.click("button:has-text('Search')")
    page.wait_for_selector(f".found:has-text('all {COUNT:,} records looked at')")
    page.wait_for_selector(".grid > li:first-child:has-text('99')")
    assert page.get_attribute(".grid a", "data-number") == "99"
    # From one record to the next goes by that order.
    page.click(".grid a >> nth=0")
    page.wait_for_selector("h2:has-text('Record 99')")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("h2:has-text('Record 199')")
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.dataset.number === '199'")
    # And over the ends of pages: the 24th record is followed by the 25th of those found.
    page.click(".grid a >> nth=23")
    for key, number in (("ArrowRight", 2499), ("ArrowLeft", 2399), ("ArrowLeft", 2299)):
        page.wait_for_function("() => document.activeElement.id === 'record-title'")
        page.keyboard.press(key)
        page.wait_for_selector(f"h2:has-text('Record {number:,}')")
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.dataset.number === '2299'")
    page.click(".grid a >> nth=0")
    page.wait_for_selector("button[aria-label='Record before']:disabled")


def test_a_page_that_comes_late_takes_the_place_of_no_other(show, path):
    page = show(path)
    page.fill("#where", "label == 99")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".found:has-text('all {COUNT:,} records looked at')")
    shown(page, 24)
    late: list[Any] = []
    page.route(re.compile(r"/records\?.*first=24\b"), lambda route: late.append(route))
    page.click(".grid a >> nth=23")
    page.wait_for_selector("h2:has-text('Record 2,399')")
    with page.expect_request(re.compile(r"first=24\b")):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    shown(page, 24)
    with page.expect_response(re.compile(r"first=24\b")):
        late[0].continue_()
    page.click(".grid a >> nth=0")
    page.wait_for_selector("h2:has-text('Record 99')")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("h2:has-text('Record 199')")


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("#where", "nothing > 3", "there is no feature 'nothing'"),
        ("#where", "label >", "Filter 'label >': no expression (invalid syntax); "),
        ("#sort", "<b>", "there is no feature '<b>'"),
    ],
)
def test_what_is_no_search_is_said(show, path, field, text, told):
    page = show(path)
    page.fill(field, text)
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem:not([hidden])")
    assert told in page.inner_text("#problem")


def test_nothing_found(show, path):
    page = show(path)
    page.fill("#search", "no such text")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=No record is like that.")
    assert page.inner_text(".found").startswith("0 records found")


def test_statistics_grow_and_can_be_cancelled(show, path, held):
    page = show(path, "#/features")
    page.wait_for_selector("[role=status]:has-text('records looked at so far')")
    # Histograms are there before all is looked at.
    page.wait_for_selector("section:has-text('label') svg[aria-label^='Histogram of the values']")
    page.click("main >> button:text-is('Cancel')")
    page.wait_for_selector("[role=status]:has-text('cancelled after')")
    page.wait_for_selector("main >> button:text-is('Cancel')", state="hidden")
    assert page.locator(".features > section").count() == 3


def test_statistics_end_with_the_view(show, path, held):
    page = show(path, "#/features")
    page.wait_for_selector("section:has-text('label')")
    page.click("#to-records")
    shown(page, 24)
    page.click("#to-features")
    held.set()
    page.wait_for_selector(f"[role=status]:has-text('Features: all {COUNT:,} records looked at')")
    assert "0 to 99, mean 49.5" in page.inner_text("section:has(h3:has-text('label'))")
    titles = page.locator("svg[aria-label$='values of label'] rect title").all_text_contents()
    assert len(titles) == 30


def test_statistics_of_what_was_found(show, path):
    from playwright.sync_api import expect

    page = show(path)
    page.fill("#where", "label < 3")
    page.keyboard.press("Enter")
    page.wait_for_selector(".found:has-text('1,800 records found')")
    page.click("#to-features")
    page.wait_for_selector("h2:has-text('Features of the records found')")
    page.wait_for_selector("section:has-text('0 to 2, mean 1')")
    # They grow until all were looked at.
    bars = page.locator("svg[aria-label$='values of label'] rect title")
    expect(bars).to_have_text(["0: 600", "1: 600", "2: 600"])
