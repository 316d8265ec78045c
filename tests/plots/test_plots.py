import re
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from contextnet_tf import plots
from contextnet_tf.plots import curves

HISTORY = [
    {"step": 1, "epoch": 1.0, "loss": 2.0, "main_loss": 1.5, "aux_loss": 1.25, "learning_rate": 0.1},
    {"step": 1, "epoch": 1.0, "val_mean_iou": 0.25, "val_pixel_accuracy": 0.5},
    {"step": 2, "epoch": 2.0, "loss": 1.0, "main_loss": 0.7, "aux_loss": 0.6, "learning_rate": 0.0},
    {"step": 2, "epoch": 2.0, "val_mean_iou": 0.375, "val_pixel_accuracy": 0.75},
]


def texts(svg):
    return [node.text for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_curves_of_a_history():
    curves = plots.training_curves(HISTORY)
    assert list(curves) == ["Loss", "Learning rate", "Validation"]
    assert {"total", "main head", "auxiliary head", "epoch"} <= set(texts(curves["Loss"]))
    assert "37.5" in texts(curves["Validation"])  # the best


@pytest.mark.parametrize("history", [[], [{"step": 1}], [{"step": 1, "epoch": 1.0, "loss": float("nan")}]])
def test_a_history_without_figures_gives_no_curves(history):
    assert plots.training_curves(history) == {}


def test_a_history_of_one_step_is_drawn():
    assert list(plots.training_curves(HISTORY[:1])) == ["Loss", "Learning rate"]


def test_bars_have_the_colors_of_their_classes_and_stand_in_order():
    svg = plots.class_bars(
        {"road": 0.5, "sky": None, "car": 0.875, "pole": float("nan")},
        {"road": (128, 64, 128), "car": (0, 0, 142), "sky": (70, 130, 180)},
        {"road": 0.25},
    )
    names = [text for text in texts(svg) if text in ("road", "sky", "car", "pole")]
    assert set(names[:2]) == {"sky", "pole"} and names[2:] == ["road", "car"]  # from the bottom up
    assert {"50.0", "87.5"} <= set(texts(svg)) and texts(svg).count("does not occur") == 2
    assert b"#804080" in svg and b"#00008e" in svg and b"#4682b4" not in svg


def test_bars_need_no_colors():
    assert "road" in texts(plots.class_bars({"road": 0.5}, {}))


def test_frequencies_are_bars_of_the_first_split_and_marks_of_the_others():
    svg = plots.class_frequencies(
        {"train": {"road": 0.5, "sky": 0.0, "car": 0.00123}, "val": {"road": 0.25, "sky": 0.01, "car": 0.0}},
        {"road": (128, 64, 128), "car": (0, 0, 142), "sky": (70, 130, 180)},
    )
    shown = texts(svg)
    assert [text for text in shown if text in ("road", "sky", "car")] == ["sky", "car", "road"]  # from the bottom up
    assert {"50", "0.12", "does not occur", "val (mark)"} <= set(shown)
    # The axis starts at the decade below the least share, 0.123 %.
    assert [text for text in shown if text in ("0.01", "0.1", "1", "10", "100")] == ["0.1", "1", "10", "100"]
    assert b"#804080" in svg and b"#00008e" in svg and b"#4682b4" not in svg


def test_a_heat_map_shows_each_row_in_per_cent():
    shown = texts(plots.confusion_heat_map([[3, 1, 0], [0, 0, 0], [1, 0, 999]], ["road", "wall", "sky"]))
    # 3 and 1 of 4; an empty row; 1 of 1000 is below half a per cent, 999 of them round to 100.
    assert [text for text in shown if text.isdigit()] == ["75", "25", "100"]
    assert shown.count("road") == shown.count("wall") == 2


def test_a_heat_map_as_an_image_has_colors_of_its_own():
    png = np.frombuffer(plots.confusion_image([[3, 1, 0], [0, 0, 0], [0, 0, 7]], ["road", "wall", "sky"]), np.uint8)
    colors = {tuple(map(int, color)) for color in cv2.imdecode(png, cv2.IMREAD_COLOR_RGB).reshape(-1, 3)}
    # 7 of 7 in #0f6b6e; 1 of 4 at half its opacity, over white.
    assert {(15, 107, 110), (135, 181, 182), (255, 255, 255)} <= colors


def test_shares_of_rows_by_hand():
    shares = plots.row_shares([[3, 1], [0, 0]])
    assert shares[0].tolist() == [0.75, 0.25] and np.isnan(shares[1]).all()


@settings(deadline=None, max_examples=30)
@given(hnp.arrays(np.int64, (4, 4), elements=st.integers(0, 2**40)))
def test_every_row_with_a_pixel_adds_up_to_one(counts):
    sums = plots.row_shares(counts).sum(axis=1)
    assert np.allclose(sums[counts.sum(axis=1) > 0], 1)


def test_plots_leave_matplotlib_as_they_found_it_and_are_the_same_each_time():
    import matplotlib

    names = [name for name in matplotlib.rcParams if not name.startswith("backend")]
    before = [matplotlib.rcParams[name] for name in names]
    first, second = (plots.training_curves(HISTORY)["Loss"] for _ in range(2))
    assert first == second
    assert [matplotlib.rcParams[name] for name in names] == before


def test_a_plot_follows_the_page_and_needs_nothing_from_outside():
    svg = plots.confusion_heat_map([[1]], ["road"]).decode()
    assert "var(--ink, #1d2126)" in svg and "#0102" not in svg
    assert not re.search(r'(href|src)="https?:', svg)


def test_names_are_text_and_long_ones_are_shortened():
    hostile, long = "cost $x^$ {", "a" * 60 + "b" * 60
    shown = texts(plots.class_bars({hostile: 0.5, long: 0.25, "_hidden": 0.75}, {}))
    assert hostile in shown and "_hidden" in shown and "aaaaaaaaaaaaaa…bbbbbbbbbbbbb" in shown
    confused = texts(plots.confusion_heat_map([[1, 0], [0, 1]], [hostile, long]))
    assert confused.count(hostile) == confused.count("aaaaaaaaaaaaaa…bbbbbbbbbbbbb") == 2
    frequencies = texts(plots.class_frequencies({"train": {hostile: 0.5}, "_val": {hostile: 0.5}}, {}))
    assert hostile in frequencies and "_val (mark)" in frequencies
    assert plots.dot_columns([hostile, long], [plots.DotColumn("one", [1.0, 2.0])]).startswith(b"\x89PNG")
    assert plots.reference_dots([hostile, long], [1, 1], ["$1$", "1"], hostile).startswith(b"\x89PNG")
    assert plots.speed_bars({hostile: [plots.SpeedBar(long, 1.0)]}).startswith(b"\x89PNG")


def test_dots_stand_on_a_linear_axis_around_the_reference():
    png = np.frombuffer(plots.reference_dots(["a", "b", "c"], [50, 40, 60], ["50 %", "-10", "+10"], "title"), np.uint8)
    dots = (cv2.imdecode(png, cv2.IMREAD_COLOR_RGB) == (15, 107, 110)).all(axis=-1).astype(np.uint8)
    _, _, boxes, centers = cv2.connectedComponentsWithStats(dots)
    (first, _), (second, _), (third, _) = sorted(
        (tuple(center) for center, box in zip(centers[1:], boxes[1:], strict=True) if box[cv2.CC_STAT_AREA] > 50),
        key=lambda center: center[1],  # from the top row to the bottom row
    )
    assert first - second > 200 and third - first == pytest.approx(first - second, abs=2)


def test_names_in_any_script_give_no_warning():
    """matplotlib's own font has no such letters, and would say so once per letter; warnings are errors in tests."""
    assert "\u9053\u8def" in texts(plots.class_bars({"\u9053\u8def": 0.5}, {}, {}))


def test_no_name_is_lost_from_the_legend(monkeypatch):
    named = []
    original = curves.legend

    def legend(axes, lines, **settings):
        original(axes, lines, **settings)
        named.extend(text.get_text() for text in axes.get_legend().get_texts())

    monkeypatch.setattr(curves, "legend", legend)
    plots.validation_curves([("_runs/a", [1.0], [0.5]), ("runs/$b$", [1.0, 2.0], [0.25, 0.75])])
    assert named == ["_runs/a: 50.0 % at best", "runs/$b$: 75.0 % at best"]
