"""The page in a browser: the labels of Python at every pixel, and what a person does with it."""

import base64
import functools
import http.server
import pathlib
import re
import threading

import cv2
import numpy as np
import pytest
from small_run import MARKUP, SIZE, random_image

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources import read_image
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.deployment.web import build_page, write_page
from experiments.serve import BROWSER_DIR, files_to_serve

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make test-browser")
expect = playwright.expect
# Of the file's own size, to be padded, and to be resized: smaller, larger, by whole factors, in one direction.
SIZES = [SIZE, (60, 125), (40, 90), (200, 333), (128, 256), (192, 512), (80, 100)]


def write_image(folder: pathlib.Path, image: np.ndarray, name: str = "street.png") -> str:
    path = folder / name
    cv2.imwrite(str(path), image[..., ::-1])
    return str(path)


def open_image(page, path: str) -> None:
    page.set_input_files("#file", path)
    # Until then, the labels are those of the image before.
    expect(page.locator("#status")).not_to_have_text(re.compile("…"), timeout=30_000)
    expect(page.locator("#save-labels")).to_be_enabled()


def saved(page, button: str, folder: pathlib.Path) -> tuple[str, np.ndarray]:
    """The name and the pixels of the PNG that a button saves."""
    with page.expect_download() as download:
        page.click(button)
    path = folder / "saved.png"
    download.value.save_as(path)
    return download.value.suggested_filename, cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def choose_precision(page, precision: str) -> None:
    page.get_by_label(re.compile(rf"^\s*{precision}")).check()
    expect(page.locator("#compute-note")).to_have_text(re.compile("thread"), timeout=30_000)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_labels_are_those_of_python(page, run_dir, tmp_path, precision):
    segmenter = Segmenter(run_dir / "export" / ("model.tflite" if precision == "float32" else "model_int8.tflite"))
    choose_precision(page, precision)
    for seed, size in enumerate(SIZES):
        image = random_image(size, seed)
        open_image(page, write_image(tmp_path, image))
        name, labels = saved(page, "#save-labels", tmp_path)
        expected = segmenter.segment(image)
        assert len(np.unique(expected)) > 3
        assert name == "street_labels.png"
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(labels, expected, err_msg=str(size))


def test_a_jpeg_is_turned_upright(page, tmp_path):
    # Exif of a camera that was held on its side: orientation 6.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    content = cv2.imencode(".jpg", np.zeros((*SIZE, 3), np.uint8))[1].tobytes()
    path = tmp_path / "turned.jpg"
    path.write_bytes(content[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + content[2:])
    assert read_image(path).shape == (SIZE[1], SIZE[0], 3)
    open_image(page, str(path))
    _, labels = saved(page, "#save-labels", tmp_path)
    assert labels.shape == SIZE[::-1]


def test_legend_shows_shares_and_names_as_text(page, run_dir, tmp_path):
    image = random_image(SIZE)
    open_image(page, write_image(tmp_path, image))
    labels = Segmenter(run_dir / "export/model.tflite").segment(image)
    names = page.locator("#classes .name").all_inner_texts()
    assert (len(names), names[0], names[1]) == (19, "road", MARKUP)
    assert page.locator("#classes img").count() == 0
    assert page.title() == "Segmentation with small"
    for index, text in enumerate(page.locator("#classes .share").all_inner_texts()):
        share = 100 * float((labels == index).mean())
        assert text == ("< 0.1 %" if 0 < share < 0.1 else f"{share:.1f} %")


def test_switches_and_opacity_change_the_overlay(page, run_dir, tmp_path):
    image = random_image(SIZE)
    open_image(page, write_image(tmp_path, image))
    labels = Segmenter(run_dir / "export/model.tflite").segment(image)
    page.locator("#opacity").fill("100")
    page.get_by_role("button", name="Hide all").click()
    _, overlay = saved(page, "#save-overlay", tmp_path)
    np.testing.assert_array_equal(overlay[..., 2::-1], image)
    most = int(np.bincount(labels.ravel()).argmax())
    page.locator("#classes input").nth(most).check()
    name, overlay = saved(page, "#save-overlay", tmp_path)
    expected = np.where((labels == most)[..., None], get_dataset("streets").palette[most], image)
    assert name == "street_overlay.png"
    np.testing.assert_array_equal(overlay[..., 2::-1], expected)
    assert page.inner_text("#opacity-value") == "100 %"


def test_a_click_and_the_arrow_keys_read_classes(page, run_dir, tmp_path):
    image = random_image(SIZE)
    open_image(page, write_image(tmp_path, image))
    labels = Segmenter(run_dir / "export/model.tflite").segment(image)
    names = page.locator("#classes .name").all_inner_texts()
    assert page.inner_text("#reading") == "Click on the image to read the class of a pixel."

    box = page.locator("#stage").bounding_box()
    x, y = 100, 20
    position = {"x": (x + 0.5) * box["width"] / SIZE[1], "y": (y + 0.5) * box["height"] / SIZE[0]}
    page.locator("#stage").click(position=position)
    expect(page.locator("#reading")).to_have_text(f"{names[labels[y, x]]} at x {x}, y {y}")
    for key, dx, dy in [("ArrowRight", 1, 0), ("ArrowDown", 0, 1), ("Shift+ArrowLeft", -20, 0), ("ArrowUp", 0, -1)]:
        page.keyboard.press(key)
        x, y = x + dx, y + dy
        expect(page.locator("#reading")).to_have_text(f"{names[labels[y, x]]} at x {x}, y {y}")
    for _ in range(8):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#reading")).to_contain_text(f" at x {SIZE[1] - 1}, y {y}")


def test_everything_is_reached_by_keyboard_and_has_a_name(page, tmp_path):
    open_image(page, write_image(tmp_path, random_image(SIZE)))
    page.locator("body").press("Tab")
    reached = []
    for _ in range(60):
        focused = page.evaluate(
            """() => {
              const element = document.activeElement;
              if (element === document.body) return null;
              const text = element.ariaLabel || element.labels?.[0]?.textContent || element.textContent;
              return [element.id || element.value || element.type, text.trim(), getComputedStyle(element).outlineStyle];
            }"""
        )
        if focused is None:
            break
        reached.append(focused)
        page.keyboard.press("Tab")
    ids = [name for name, _, _ in reached]
    for name in ["choose", "camera", "stage", "opacity", "show-all", "hide-all", "save-labels", "save-overlay"]:
        assert name in ids
    assert sum(text.startswith(("road", "sky", "car")) for _, text, _ in reached) == 3
    assert all(text for _, text, _ in reached), reached
    assert all(outline == "solid" for _, _, outline in reached), reached


def test_times_are_shown_apart(page, tmp_path):
    assert page.locator("#time").is_hidden()
    open_image(page, write_image(tmp_path, random_image(SIZE)))
    assert page.locator("#times dt").all_inner_texts() == ["Network", "Upsampling and arg-max", "Resizing the image"]
    assert all(re.fullmatch(r"\d+\.\d ms", text) for text in page.locator("#times dd").all_inner_texts())


def test_without_a_gpu_the_processor_takes_over(page, run_dir, tmp_path):
    if page.evaluate("navigator.gpu?.requestAdapter().then(Boolean)"):
        pytest.skip("this browser has a GPU")
    image = random_image(SIZE)
    open_image(page, write_image(tmp_path, image))
    page.get_by_label("GPU (WebGPU)").check()
    expect(page.locator("#compute-note")).to_contain_text("The GPU cannot run this network", timeout=60_000)
    assert page.get_by_label("Processor (WASM)").is_checked()
    _, labels = saved(page, "#save-labels", tmp_path)
    np.testing.assert_array_equal(labels, Segmenter(run_dir / "export/model.tflite").segment(image))


def test_a_gpu_runs_the_network(chromium_with_gpu, page_url, run_dir, tmp_path):
    with chromium_with_gpu.new_context() as context:
        page = context.new_page()
        page.goto(page_url)
        expect(page.locator("#status")).to_have_text("Ready.", timeout=60_000)
        if not page.evaluate("navigator.gpu?.requestAdapter().then(Boolean)"):
            pytest.skip("this browser has no WebGPU adapter in software")
        page.get_by_label("GPU (WebGPU)").check()
        expect(page.locator("#status")).to_have_text(re.compile("Loading"))
        expect(page.locator("#status")).to_have_text("Ready.", timeout=90_000)
        image = random_image(SIZE)
        open_image(page, write_image(tmp_path, image))
        assert page.get_by_label("GPU (WebGPU)").is_checked()
        _, labels = saved(page, "#save-labels", tmp_path)
        # Sums in another order: where two classes are equal but for rounding, the other one may win.
        assert (labels == Segmenter(run_dir / "export/model.tflite").segment(image)).mean() >= 0.999


@pytest.mark.parametrize("width", [390, 1280])
def test_a_file_that_is_no_image_is_refused_within_sight(page, tmp_path, width):
    page.set_viewport_size({"width": width, "height": 800})
    open_image(page, write_image(tmp_path, random_image((160, 90))))  # as tall as the page shows one
    path = tmp_path / "notes.png"
    path.write_text("no image")
    page.set_input_files("#file", str(path))
    expect(page.locator("#status")).to_contain_text("notes.png: the browser cannot read it.")
    expect(page.locator("#status")).to_be_in_viewport(ratio=1)
    open_image(page, write_image(tmp_path, random_image(SIZE)))
    expect(page.locator("#status")).to_have_text("")


def test_a_large_image_is_reduced_and_says_so(page, tmp_path):
    open_image(page, write_image(tmp_path, np.zeros((6000, 8000, 3), np.uint8)))
    # The largest of this shape with at most 16 million pixels.
    note = "The image of 8000 × 6000 pixels was reduced to 4618 × 3464, and so are its labels."
    expect(page.locator("#status")).to_have_text(note)
    _, labels = saved(page, "#save-labels", tmp_path)
    assert labels.shape == (3464, 4618)


def test_an_image_is_dropped(page, tmp_path):
    content = base64.b64encode(pathlib.Path(write_image(tmp_path, random_image(SIZE))).read_bytes()).decode()
    page.evaluate(
        """(content) => {
          const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], "dropped.png", {type: "image/png"}));
          document.body.dispatchEvent(new DragEvent("drop", {bubbles: true, dataTransfer}));
        }""",
        content,
    )
    expect(page.locator("#save-labels")).to_be_enabled(timeout=30_000)
    assert page.locator("#drop").is_hidden()
    # What is dragged from another page holds no file.
    page.evaluate("dispatchEvent(new DragEvent('drop', {dataTransfer: new DataTransfer()}))")
    expect(page.locator("#status")).to_contain_text("This is not a file.")


def test_the_camera_is_segmented_frame_by_frame(page, tmp_path):
    page.get_by_role("button", name="Use camera").click()
    expect(page.locator("#times")).to_contain_text("Frames per second", timeout=30_000)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    name, labels = saved(page, "#save-labels", tmp_path)
    assert re.fullmatch(r"camera_\d+\.\d\ds_labels\.png", name)
    assert labels.ndim == 2
    assert labels.shape[0] >= 240
    page.get_by_role("button", name="Stop camera").click()
    expect(page.get_by_role("button", name="Use camera")).to_be_visible()
    expect(page.locator("#player")).to_be_hidden()
    expect(page.locator("#save-labels")).to_be_enabled(timeout=30_000)
    name, frozen = saved(page, "#save-labels", tmp_path)
    assert (name, frozen.shape) == ("camera_labels.png", labels.shape)


def test_a_video_plays_pauses_and_is_sought(page, run_dir, tmp_path):
    path = tmp_path / "drive.webm"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 10, SIZE[::-1])
    if not writer.isOpened():
        pytest.skip("OpenCV writes no WebM here")
    for shade in np.linspace(0, 255, 30):
        writer.write(np.full((*SIZE, 3), shade, np.uint8))
    writer.release()
    page.set_input_files("#file", str(path))
    expect(page.locator("#times")).to_contain_text("Frames per second", timeout=30_000)
    page.get_by_role("button", name="Pause").click()
    page.locator("#seek").fill("1.5")
    expect(page.locator("#seek")).to_have_value(re.compile(r"1\.[45]"))
    page.wait_for_timeout(500)
    name, labels = saved(page, "#save-labels", tmp_path)
    assert name == "drive_1.50s_labels.png"
    assert labels.shape == SIZE


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_cut_off_at_any_width(page, tmp_path, width):
    page.set_viewport_size({"width": width, "height": 800})
    open_image(page, write_image(tmp_path, random_image(SIZE)))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_plain_web_server_is_enough(chromium, page_url, run_dir, tmp_path):
    """The static folder without the headers that threads need."""
    write_page(build_page(files_to_serve(run_dir), BROWSER_DIR), tmp_path / "site" / "below")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            """Nothing."""

    handler = functools.partial(Quiet, directory=tmp_path / "site")
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        chromium.new_context() as context,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/below/")
        expect(page.locator("#status")).to_have_text("Ready.", timeout=60_000)
        assert page.inner_text("#compute-note") == "1 thread"
        image = random_image(SIZE)
        open_image(page, write_image(tmp_path, image))
        _, labels = saved(page, "#save-labels", tmp_path)
        np.testing.assert_array_equal(labels, Segmenter(run_dir / "export/model.tflite").segment(image))
        server.shutdown()
