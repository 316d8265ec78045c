"""The networks side by side: table and image."""

import cv2
import numpy as np
import pytest

from contextnet_tf.reporting.models import Printed, models_plot, models_table, printed
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.benchmarks import NetworkOverview

OVERVIEWS = [
    NetworkOverview(
        name="cn14", layers=49, receptive_field=(668, 668), parameters=846_179, parameters_as_trained=878_195,
        multiply_adds={"1024x2048": 5_629_870_080, "256x512": 351_866_880},
    ),
    NetworkOverview(
        name="pspnet", layers=112, receptive_field=None, parameters=65_652_051, parameters_as_trained=65_818_323,
        multiply_adds={"1024x2048": 2_093_463_109_632, "256x512": 1},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("cn14-160", Printed(0.16, 22.0, 57.7)),  # Table 4
        ("detail-only", Printed(None, None, 25.1)),  # section 3.2.1
        ("segnet", Printed(29.46, 1.6, 56.1)),  # Tables 6 and 7
        ("pspnet", Printed(65.7, None, 78.4)),  # Table 6 only
        ("deeplab_v2", Printed(44.0, None, 70.4)),
        ("mine", Printed()),
    ],
)
def test_what_the_paper_prints(name, figures):
    assert printed(name) == figures


def test_table_by_hand():
    assert models_table(OVERVIEWS) == (
        "| Network | Layers | Receptive field | Parameters, folded | As trained | Paper: parameters "
        "| Multiply-adds, 1024 × 2048 | Multiply-adds, 256 × 512 | Paper: frames/s | Paper: mean IoU % |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| cn14 | 49 | 668 × 668 | 846,179 | 878,195 | 0.85 M | 5.63 G | 0.35 G | 18.3 | 65.9 |\n"
        "| pspnet | 112 | whole image | 65,652,051 | 65,818,323 | 65.7 M | 2093.46 G | 1 | – | 78.4 |\n"
    )


def test_aligned_for_a_terminal():
    table = "| Network | Layers |\n| --- | ---: |\n| cn14 | 49 |\n| detail-only | 8 |\n"
    assert aligned(table) == (
        "Network      Layers\n"
        "-----------  ------\n"
        "cn14             49\n"
        "detail-only       8\n"
    )  # fmt: skip


def test_image_is_a_whole_png_with_dots_and_bars():
    image = cv2.imdecode(np.frombuffer(models_plot(OVERVIEWS), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]

    def regions(color):
        near = np.abs(image.astype(int) - color).sum(axis=-1) < 30
        return cv2.connectedComponents(near.astype(np.uint8))[0] - 1

    # Two networks: parameters, multiply-adds, and the one receptive field that has an end; and the paper's bars,
    # each of which covers the middle of a dot.
    assert regions((15, 107, 110)) == 2 * 2 + 2 + 1
    assert regions((180, 87, 28)) == 2
