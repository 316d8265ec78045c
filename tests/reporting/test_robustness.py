"""The tables and the figure of the section "robustness", by hand."""

import cv2
import numpy as np

from contextnet_tf import plots
from contextnet_tf.reporting import report
from contextnet_tf.reporting.robustness import (
    ChangedImage,
    changed_images_figure,
    robustness_page,
    robustness_plot,
    robustness_table,
)
from contextnet_tf.runs.results import Results
from contextnet_tf.runs.studies import RobustnessRow, RobustnessSection

SECTION = RobustnessSection(
    model="cn14",
    checkpoint="best.keras",
    images=2,
    rows=(
        RobustnessRow("unchanged", "", 0.625, {"sky": 0.75, "car": 0.5}),
        RobustnessRow("dark", "gamma 1.8", 0.5, {"sky": 0.5, "car": None}),
        RobustnessRow("noisy", "much", 0.625, {"sky": 0.75, "car": 0.5}),
    ),
    dataset="camvid",
    split="val",
)


def test_table():
    assert robustness_table(SECTION).splitlines() == [
        "| Images | Change | Mean IoU | Difference |",
        "| --- | --- | ---: | ---: |",
        "| unchanged |  | 62.5 |  |",
        "| dark | gamma 1.8 | 50.0 | -12.5 |",
        "| noisy | much | 62.5 | +0.0 |",
    ]


def test_page():
    page = robustness_page(SECTION)
    assert (
        "# Robustness of cn14\n\nbest.keras: cn14 on the 2 images of the validation split of CamVid, as they are and"
        in page
    )
    assert "| Class | unchanged | dark | noisy |" in page and "| car | 50.0 | – | 50.0 |" in page
    assert "![Mean IoU with each change](robustness.png)" in page
    assert "![Changed images and their predictions](corruptions.png)" in page


def test_plot_has_a_labeled_dot_per_row(monkeypatch):
    monkeypatch.setattr(plots, "reference_dots", lambda *arguments: arguments)
    assert robustness_plot(SECTION) == (
        ["unchanged", "dark", "noisy"],
        [62.5, 50.0, 62.5],
        ["62.5 %", "50.0 % (-12.5)", "62.5 % (+0.0)"],
        "mean IoU in %, and its difference from the unchanged images in points",
    )


def test_report_page():
    page = report.report_html(Results(robustness=SECTION))
    assert '<section id="robustness"><h2>Robustness</h2>' in page
    assert "over the 2 images of the validation split, as they are" in page
    assert '<tr><th scope="row">dark</th><td>gamma 1.8</td><td>50.0</td><td>-12.5</td></tr>' in page
    assert 'id="robustness"' not in report.report_html(Results())


def test_figure_has_three_pairs_in_a_row():
    samples = [
        ChangedImage(row.name, np.full((60, 80, 3), 90, np.uint8), np.full((60, 80), place, np.uint8))
        for place, row in enumerate(SECTION.rows)
    ]
    names, colors = ["sky", "car", "road"], [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    sizes = []
    for count in (1, 2, 3):
        png = changed_images_figure(SECTION, samples[:count], names, colors)
        image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        sizes.append(image.shape[:2])
        shown = [(image == color).all(axis=-1).sum() > 5000 for color in colors]
        assert shown == [True] * count + [False] * (3 - count)
    assert sizes[0][0] == sizes[1][0] == sizes[2][0]
    assert sizes[0][1] < sizes[1][1] < sizes[2][1]


def test_figure_antialiases_all_images_and_no_prediction():
    checkerboard = np.indices((900, 1200)).sum(axis=0) % 2
    image = np.repeat(255 * checkerboard[..., None], 3, axis=-1).astype(np.uint8)
    samples = [ChangedImage(row.name, image, checkerboard.astype(np.uint8)) for row in SECTION.rows]
    png = changed_images_figure(SECTION, samples, ["sky", "car"], [(255, 0, 0), (0, 0, 255)])
    red, green, blue = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB).reshape(-1, 3).astype(int).T
    # A panel has some 384 x 288 pixels. Black ones are those of text; mixed classes would be purple.
    assert ((abs(red - 128) < 20) & (red == green) & (green == blue)).sum() > 3 * 90_000
    assert ((red == 0) & (green == 0) & (blue == 0)).sum() < 1000
    assert ((red > 100) & (red < 155) & (green == 0) & (blue > 100) & (blue < 155)).sum() == 0
