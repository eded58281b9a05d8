"""What values look like on the page: images of each format, raw arrays, sound, ragged features."""

from __future__ import annotations

import base64
import io
import wave

import numpy as np
import pytest
from viewer_pages import loaded, record

import tfrecord_lite as tfr
from tfrecord_lite.view.pictures import png_of

# 14 pixels wide and 10 high, of one color.
IMAGES = {
    "WebP": "UklGRh4AAABXRUJQVlA4TBEAAAAvDUACAAdQjyKXp/+BiOh/AAA=",
    "GIF": "R0lGODdhDgAKAIEAAMgePAAAAAAAAAAAACwAAAAADgAKAAAIFgABCBxIsKDBgwgTKlzIsKHDhxAJBgQAOw==",
    "JPEG": "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////"
    "////////////////////////////////////////wAALCAAKAA4BAREA/8QAFQABAQAAAAAAAAAAAAAA"
    "AAAAAAH/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/AIA//9k=",
    "PNG": base64.b64encode(png_of(np.full((10, 14, 3), 99, np.uint8))).decode(),
}


def sound(seconds=0.5):
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(bytes(int(16000 * seconds)))
    return file.getvalue()


@pytest.mark.parametrize("kind", IMAGES)
def test_images(show, tmp_path, kind):
    data = base64.b64decode(IMAGES[kind])
    tfr.write_examples(tmp_path / "a", {"image/encoded": [data], "image/label": [3]})
    page = show(tmp_path / "a")
    assert loaded(page, ".grid img") == [14, 10]
    # What all names begin with tells nothing.
    assert page.inner_text(".grid dl").split() == ["label", "3"]
    record(page, 0)
    assert loaded(page, ".features img") == [14, 10]
    assert f"{kind} 14x10" in page.inner_text(".features figcaption")


def test_an_image_that_no_browser_can_show_is_said(show, tmp_path):
    tfr.write_examples(tmp_path / "a", {"image": [b"\xff\xd8\xff\xe0 and no more"]})
    page = show(tmp_path / "a", "#/record/0")
    page.wait_for_selector(".failed:not([hidden]):has-text('The browser cannot show it.')")


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((6, 9, 3), np.uint8), ((6, 9, 1), np.uint8), ((6, 9, 3), np.float32), ((6, 9, 1), np.uint16)],
)
def test_raw_arrays_have_the_shape_that_the_features_tell(show, tmp_path, shape, dtype):
    array = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    height, width, depth = shape
    with tfr.RecordWriter(tmp_path / "a") as writer:
        writer.write_example(
            {"image_raw": array.tobytes(), "height": height, "width": width, "depth": depth}
        )
    page = show(tmp_path / "a")
    assert loaded(page, ".grid img") == [9, 6]
    record(page, 0)
    assert loaded(page, ".features img") == [9, 6]
    assert f"as 6\u00d79\u00d7{depth}" in page.inner_text(".features figcaption")


def test_a_shape_holds_for_all_records_of_the_feature(show, tmp_path):
    tfr.write_examples(tmp_path / "a", {"what": [bytes(range(240))] * 3})
    page = show(tmp_path / "a", "#/record/0")
    page.fill(".shape input", "7x7")
    page.click(".shape button")
    page.wait_for_selector(".failed:not([hidden])")
    page.fill(".shape input", "10x8x3")
    page.click(".shape button")
    assert loaded(page, ".features img") == [8, 10]
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.querySelectorAll('.grid img').length === 3")
    assert loaded(page, ".grid img") == [8, 10]


def test_sound_is_played(show, tmp_path):
    tfr.write_examples(tmp_path / "a", {"sound": [sound()]})
    page = show(tmp_path / "a")
    page.wait_for_selector(".grid [aria-label='sound']")
    record(page, 0)
    page.eval_on_selector("audio", "one => one.load()")
    page.eval_on_selector("audio", "one => { one.preload = 'metadata'; one.load(); }")
    page.wait_for_function("() => document.querySelector('audio').duration > 0")
    assert page.eval_on_selector("audio", "one => one.duration") == pytest.approx(0.5)
    page.eval_on_selector("audio", "one => { one.currentTime = 0.25; }")
    page.wait_for_function("() => !document.querySelector('audio').seeking")
    assert page.eval_on_selector("audio", "one => one.currentTime") == pytest.approx(0.25)


def test_a_long_name_leaves_space_for_values(show, tmp_path):
    tfr.write_examples(tmp_path / "a", {"n" * 150: [1], "short": ["some words"]})
    page = show(tmp_path / "a", "#/record/0")
    page.wait_for_selector(".facts dd")
    assert page.eval_on_selector(".facts", "one => one.lastChild.clientWidth > 100")


def test_ragged_features_are_plots(show, tmp_path):
    rng = np.random.default_rng(0)
    with tfr.RecordWriter(tmp_path / "a") as writer:
        for count in (5, 300, 20_000):
            writer.write_example({"values": rng.normal(size=count).astype(np.float32)})
    page = show(tmp_path / "a")
    page.wait_for_function("() => document.querySelectorAll('.grid svg.plot').length === 2")
    for number, count in enumerate(("5", "300", "20,000")):
        record(page, number)
        label = page.get_attribute(".features svg.plot", "aria-label")
        assert label.startswith(f"{count} values, -")
        # Where there are more than can be seen, least and largest are drawn.
        assert len(page.get_attribute(".features svg.plot .line", "d")) < 20_000
    texts = page.locator(".features svg.plot text").all_text_contents()
    assert texts[-2:] == ["0", "19,999"]


def test_numbers_are_not_rounded(show, tmp_path):
    stamps = [1_700_000_000_123 + number for number in range(30)]
    ids = [1_234_567_890, 2**53 - 1, -(2**63)]
    value = np.float32(0.123456789)
    tfr.write_examples(tmp_path / "a", {"id": ids, "stamps": [stamps] * 3, "x": [value] * 3})
    page = show(tmp_path / "a")
    page.wait_for_selector(".grid li")
    for number, one in enumerate(ids):
        card = page.inner_text(f".grid li:nth-child({number + 1})")
        assert str(one) in card
        assert ", ".join(map(str, stamps[:4])) in card
        record(page, number)
        assert f"{one} int64" in page.inner_text(".facts")
        assert f"{value!s} float32" in page.inner_text(".facts")
        assert page.text_content(".numbers") == ", ".join(map(str, stamps))
        # What is written beside the axis has space there.
        box = "one => { const box = one.getBBox(); return [box.x, one.textContent]; }"
        assert page.eval_on_selector(".plot text", box)[0] >= 0
        assert page.eval_on_selector(".plot text", box)[1] == "1,700,000,000,152"
        page.goto(page.url.partition("#")[0] + "#/records/0")
        page.wait_for_selector(".grid li")
    page.click("#to-features")
    page.wait_for_selector("text=1,700,000,000,123 to 1,700,000,000,152, mean 1,700,000,000,138")
    page.wait_for_selector("text=-9223372036854775808 to 9,007,199,254,740,991")


def test_what_cannot_be_drawn_has_no_plot(show, tmp_path):
    values = np.array([np.nan] * 9 + [np.inf], np.float32)
    tfr.write_examples(tmp_path / "a", {"x": [values], "y": [list(range(10))]})
    page = show(tmp_path / "a")
    page.wait_for_selector(".grid svg.plot[aria-label='10 values, 0 to 9']")
    record(page, 0)
    assert page.locator(".features svg.plot").count() == 1


def test_plots_can_be_read_in_a_small_window(show, tmp_path):
    tfr.write_examples(tmp_path / "a", {"x": [list(range(300))]})
    page = show(tmp_path / "a", "#/record/0", viewport={"width": 360, "height": 640})
    page.wait_for_selector(".features svg.plot")
    assert page.eval_on_selector(".plot text", "one => one.getBoundingClientRect().height") > 10


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_of_a_description_breaks_no_short_cell(browser, tmp_path, width):
    tfr.write_examples(tmp_path / "a", {"x": list(range(1234)), "text": ["word " * 40] * 1234})
    with tfr.RecordWriter(tmp_path / "a", mode="a") as writer:
        writer.write_example({"y": 1})
    page = browser.new_page(viewport={"width": width, "height": 600})
    page.set_content(tfr.describe(tmp_path / "a").to_html())
    cells = page.locator("td:not(:first-child):not(:last-child)")
    assert {"int64", "1,234"} <= set(cells.all_text_contents())
    assert all(cells.nth(at).bounding_box()["width"] > 8 for at in range(cells.count()))
    lines = cells.evaluate_all(
        "all => all.map(one => { const range = document.createRange();"
        " range.selectNodeContents(one); return range.getClientRects().length; })"
    )
    assert max(lines) == 1
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # The path of a file has the space that it needs.
    page.set_content(tfr.describe(tmp_path / "a").to_html().replace(str(tmp_path), 80 * "a"))
    path = page.locator("td:first-child").last
    assert width < 1000 or path.bounding_box()["height"] < 70
    page.close()


def test_sequences_are_plots_and_steps(show, tmp_path):
    with tfr.RecordWriter(tmp_path / "a") as writer:
        for number in range(2):
            writer.write(
                tfr.encode_sequence_example(
                    {"id": number},
                    {
                        "loss": [[1.0], [0.5], [0.25], [0.1]],
                        "ragged": [np.arange(n, dtype=np.float32) for n in range(1, 8)],
                        "frames": [np.arange(6.0), np.arange(6.0) * 2],
                        "words": [[b"a"], [b"b", b"c"]],
                    },
                )
            )
    page = show(tmp_path / "a", "#/record/1")
    page.wait_for_selector("h3:has-text('loss 4 steps of 1 float32 value')")
    labels = [
        plot.get_attribute("aria-label")
        for plot in page.locator(".features > section > div > div > svg.plot").all()
    ]
    assert labels == ["4 values, 0.1 to 1", "7 values in each step, 1 to 7"]
    assert loaded(page, "img[alt^='frames']") == [6, 2]
    page.wait_for_selector(".steps :text('step 1')")
    assert "SequenceExample" in page.inner_text(".record")


def test_json_of_a_record_can_be_seen_and_saved(show, tmp_path):
    tfr.write_examples(tmp_path / "a", {"x": [5], "name": ["née"]})
    page = show(tmp_path / "a", "#/record/0")
    page.click("summary:has-text('JSON')")
    page.wait_for_selector(".json:has-text('int64_list')")
    with page.expect_download() as download:
        page.click("text=Save as JSON")
    assert download.value.suggested_filename == "record-0.json"
    with page.expect_download() as download:
        page.goto(page.url.partition("#")[0] + "#/record/0")
        page.evaluate(
            "() => { const a = document.createElement('a'); a.download = '';"
            " a.href = 'value?number=0&part=features&at=0&save=1'; document.body.append(a);"
            " a.click(); a.remove(); }"
        )
    assert download.value.suggested_filename == "value-0.bin"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_of_axe_in_any_kind_of_value(show, tmp_path, scheme):
    from axe_playwright_python.sync_playwright import Axe

    path = tmp_path / "a"
    with tfr.RecordWriter(path) as writer:
        writer.write_example(
            {"sound": sound(), "raw": bytes(range(240)), "floats": np.arange(30.0), "no": None}
        )
        frames = [np.arange(4.0) + step for step in range(5)]
        writer.write(
            tfr.encode_sequence_example({"id": 1}, {"frames": frames, "words": [[b"a"], [b"b"]]})
        )
        writer.write(b"some text that is no Example")
        writer.write(b"\xff\xfe\x00 bytes")
        writer.write_example({"x": 1})
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    page = show(path, color_scheme=scheme, viewport={"width": 360, "height": 700})
    page.wait_for_selector(".bad-card")
    wrong = {}
    for where in ("#/records/0", *(f"#/record/{number}" for number in range(5)), "#/files"):
        page.goto(page.url.partition("#")[0] + where)
        page.wait_for_selector(".grid > li, .features section, .notice.wrong:visible")
        wrong[where] = [one["id"] for one in Axe().run(page).response["violations"]]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.goto(page.url.partition("#")[0] + "#/records/0")
    page.fill("#where", "x >")
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem:not([hidden])")
    page.fill("#where", "")
    page.fill("#search", "text")
    page.keyboard.press("Enter")
    page.wait_for_selector(".found:has-text('found')")
    wrong["found"] = [one["id"] for one in Axe().run(page).response["violations"]]
    assert {where: found for where, found in wrong.items() if found} == {}
