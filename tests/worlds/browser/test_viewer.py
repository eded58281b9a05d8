"""The viewer's page, as somebody sees and uses it."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.view.pictures import png_of

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "javascript:alert(3)",
    '"><svg onload=alert(4)>',
    "a\x00b\x1b[31mc\u202ed",
    "x" * 100_000,
]


@pytest.fixture
def images(tmp_path):
    path = tmp_path / "images.tfrecord"
    with tfr.RecordWriter(path) as writer:
        for number in range(100):
            pixels = np.full((12, 16, 3), number * 2, np.uint8)
            writer.write_example({"image": png_of(pixels), "label": number % 10, "name": "a cat"})
    return path


def cards(page):
    return page.locator(".grid > li")


def loaded(page, selector):
    """Wait until a picture is shown; return its size."""
    page.wait_for_function(
        "selector => { const one = document.querySelector(selector);"
        " return one && one.complete && one.naturalWidth > 0; }",
        arg=selector,
    )
    return page.eval_on_selector(selector, "one => [one.naturalWidth, one.naturalHeight]")


def test_images_are_seen_at_once(show, images):
    page = show(images)
    assert loaded(page, ".grid img") == [16, 12]
    assert cards(page).count() == 24
    assert "100 records" in page.inner_text("#summary")
    assert page.title() == f"{images}: TFRecord viewer"


def test_keys_move_through_records(show, images):
    page = show(images)
    cards(page).nth(23).wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.number") == "1"
    page.keyboard.press("Enter")
    page.wait_for_selector("h2:has-text('Record 1')")
    page.wait_for_selector(".features section")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("h2:has-text('Record 2')")
    page.keyboard.press("Escape")
    cards(page).nth(23).wait_for()
    assert page.evaluate("document.activeElement.dataset.number") == "2"
    page.keyboard.press("g")
    page.keyboard.type("77")
    page.keyboard.press("Enter")
    page.wait_for_selector("h2:has-text('Record 77')")
    page.keyboard.press("/")
    page.wait_for_function("() => document.activeElement.id === 'search'")


def test_search_filter_and_sort(show, images):
    page = show(images)
    page.fill("#where", "label == 3")
    page.fill("#sort", "label")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=10 records found")
    page.wait_for_function("() => document.querySelectorAll('.grid > li').length === 10")
    assert page.inner_text(".found").startswith("10 records found. Search: all 100 records")
    page.fill("#where", "label ==")
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem:has-text('no expression')")
    page.click("text=Show all records")
    page.wait_for_function("() => document.querySelectorAll('.grid > li').length === 24")


def test_a_shape_makes_a_picture_of_bytes(show, tmp_path):
    tfr.write_examples(tmp_path / "a", {"what": [bytes(range(240))]})
    page = show(tmp_path / "a", "#/record/0")
    page.fill(".shape input", "10x8x3")
    page.click(".shape button")
    assert loaded(page, ".features img") == [8, 10]


def test_everything_that_a_feature_can_hold(show, tmp_path):
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    png = png_of(np.zeros((9, 9), np.uint8))
    with tfr.RecordWriter(tmp_path / "a") as writer:
        writer.write_example({"sound": sound.getvalue(), "series": np.arange(1000.0), "none": None})
        frames = [np.arange(4, dtype=np.float32) + step for step in range(5)]
        writer.write(
            tfr.encode_sequence_example(
                {"id": 1}, {"frames": frames, "png": [[png]], "words": [[b"a"], [b"b", b"c"]]}
            )
        )
        writer.write_example({"tensor": tfr.serialize_tensor(np.eye(8, dtype=np.float32))})
        writer.write(b"")
        writer.write(b"some text that is no Example")
    page = show(tmp_path / "a")
    cards(page).nth(4).wait_for()
    page.goto(page.url.partition("#")[0] + "#/record/0")
    page.wait_for_selector("audio")
    assert page.eval_on_selector("svg.plot", "one => one.getAttribute('role')") == "img"
    page.goto(page.url.partition("#")[0] + "#/record/1")
    assert loaded(page, "img[alt^='frames']") == [4, 5]
    assert loaded(page, "img[alt^='png']") == [9, 9]
    page.goto(page.url.partition("#")[0] + "#/record/2")
    assert loaded(page, ".features img") == [8, 8]
    page.goto(page.url.partition("#")[0] + "#/record/3")
    page.wait_for_selector("text=An empty record")
    page.goto(page.url.partition("#")[0] + "#/record/4")
    page.wait_for_selector("text=some text that is no Example")
    page.click("summary:has-text('JSON')")
    page.wait_for_selector(".json:has-text('\"raw\"')")


def test_names_and_values_are_never_markup(show, tmp_path):
    path = tmp_path / "<b>a.tfrecord"
    with tfr.RecordWriter(path) as writer:
        for text in HOSTILE:
            writer.write_example({text[:200]: text, "n": [1, 2]})
        writer.write_example({f"{number}<i>": number for number in range(1000)})
    page = show(path)
    for number in range(len(HOSTILE) + 1):
        page.goto(page.url.partition("#")[0] + f"#/record/{number}")
        page.wait_for_selector(".features section")
    for view in ("features", "files"):
        page.goto(page.url.partition("#")[0] + f"#/{view}")
        page.wait_for_selector(".features section")
    # No element is there but those that the page makes.
    assert page.locator("main b, main i, main script, main svg[onload]").count() == 0
    page.fill("#jump-number", "<script>")
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem:has-text('counted from 0')")


def test_damage_is_shown_in_its_place(show, tmp_path):
    path = tmp_path / "a"
    tfr.write_examples(path, {"label": list(range(50))})
    data = bytearray(path.read_bytes())
    data[len(data) // 50 * 30 + 14] ^= 1
    path.write_bytes(data)
    page = show(path, "#/files")
    page.wait_for_selector(".map .bad")
    assert "checksum of the data" in page.inner_text("tbody")
    page.click("tbody a")
    page.wait_for_selector(".notice.wrong:has-text('checksum of the data')")
    assert "1 damaged region" in page.inner_text("#summary")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("where", ["", "#/record/3", "#/features", "#/files"])
def test_no_serious_finding_of_axe(show, images, where, scheme):
    """For screen readers: names, roles, contrast; the narrow page has nothing beside the screen."""
    from axe_playwright_python.sync_playwright import Axe

    page = show(images, where, color_scheme=scheme, viewport={"width": 360, "height": 700})
    page.wait_for_selector(".grid img, .features section")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["help"]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
