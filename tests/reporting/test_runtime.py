"""The comparison of runtimes as tables, ratios and an image."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from contextnet_tf import plots
from contextnet_tf.reporting.runtime import (
    Ratio,
    compared_networks,
    networks_table,
    printed_table,
    ratio_table,
    ratios,
    runtime_page,
    runtime_plot,
    runtime_table,
)
from contextnet_tf.runs.benchmarks import RuntimeComparisonSection, RuntimeRow, UpsamplingRow
from contextnet_tf.runs.provenance import Machine, Provenance


def row(runtime, milliseconds, *, model="cn14", size=(1024, 2048), threads=1, mode="sequential", **others):
    figures = {"parts": {"copying": 1.0, "network": milliseconds - 1.0}, "label_parity": 1.0} | others
    return RuntimeRow(
        model=model,
        size=size,
        runtime=runtime,
        title=f"{runtime} title",
        threads=threads,
        mode=mode,
        milliseconds_median=milliseconds,
        milliseconds_spread=(0.9 * milliseconds, 1.25 * milliseconds),
        frames_per_second=1000 / milliseconds,
        peak_memory=123_456_789,
        **figures,
    )


def upsampling(logits, milliseconds, model="cn14"):
    return UpsamplingRow(model, (1024, 2048), logits, exact_milliseconds=milliseconds, dense_milliseconds=100.0)


SECTION = RuntimeComparisonSection(
    weights="trained",
    frames="4 images of camvid val",
    rounds=20,
    warm_up=2,
    distributions=("keras", "onnx"),
    left_out={"PyTorch": "torch not installed"},
    rows=(
        row("litert", 100.0, parts={"copying": 0.5, "network": 80.0, "upsampling": 19.5}),
        row("litert", 80.0, threads=2),
        row("litert", 50.0, mode="pipelined", parts={}),
        row("litert-in-graph", 160.0),
        row("pytorch-in-graph", 250.0),
        row("litert-int8", 62.5, label_parity=0.98765),
        row("litert", 90.0, model="cn14, upsampled last"),
        row("litert", 25.0, size=(512, 1024)),
        row("litert-in-graph", 20.0, size=(512, 1024)),
    ),
    upsampling=(
        upsampling("network", 20.0),
        upsampling("noise", 160.0),
    ),
    provenance=Provenance(versions={"keras": "3.0", "torch": "9"}, machine=Machine("Some CPU", 2)),
)


def test_rows_by_hand():
    first, _, third, *_ = SECTION.rows
    name = "| cn14 | 1024 × 2048 | litert title | 1 |"
    assert runtime_table([first, third]).splitlines()[2:] == [
        f"{name} sequential | 100.0 | 90.0 to 125.0 | 10.0 | 0.5 | 80.0 | 19.5 | 123 | 100.00 |",
        f"{name} pipelined | 50.0 | 45.0 to 62.5 | 20.0 | – | – | – | 123 | 100.00 |",
    ]


def test_ratios_by_hand():
    found = ratios(SECTION, "cn14", (1024, 2048))
    assert found == [
        Ratio("litert title", "litert-in-graph title", 100 / 160, bound=0.80),
        Ratio("litert title", "pytorch-in-graph title", 0.4, bound=0.35),
        Ratio("litert-int8 title", "litert title", 0.625, bound=0.65),
        Ratio("litert title, pipelined", "the same, sequential", 2.0, "at least", 1.8),
        Ratio("cn14, fusion upsampled last", "cn14, fusion as in the paper", 0.9),
        Ratio("exact upsampling of the network's logits", "TensorFlow's resize and arg-max", 0.2, bound=0.25),
        Ratio("exact upsampling of noise", "TensorFlow's resize and arg-max", 1.6, bound=1.5),
    ]
    assert [ratio.met for ratio in found] == [True, False, True, True, None, True, False]


def test_ratios_have_bounds_for_what_the_bounds_are_of():
    assert ratios(SECTION, "cn14", (512, 1024)) == [Ratio("litert title", "litert-in-graph title", 1.25)]
    other = replace(SECTION, upsampling=(*SECTION.upsampling, upsampling("network", 30.0, model="cn18")))
    assert ratios(other, "cn18", (1024, 2048)) == [
        Ratio("exact upsampling of the network's logits", "TensorFlow's resize and arg-max", 0.3)
    ]
    random = ratios(replace(SECTION, weights="random"), "cn14", (1024, 2048))
    assert [ratio.bound for ratio in random[-2:]] == [None, 1.5]


def test_a_bound_itself_is_met():
    assert Ratio("a", "b", 0.8, bound=0.8).met and Ratio("a", "b", 1.8, "at least", 1.8).met
    assert not Ratio("a", "b", 1.79, "at least", 1.8).met


def test_the_ratio_table_by_hand():
    found = [Ratio("a", "b", 0.625, bound=0.8), Ratio("c", "d", 1.5, "at least", 1.8), Ratio("e", "f", 0.9)]
    assert ratio_table(found) == (
        "| Ours | Against | Ratio | Target | Met |\n"
        "| --- | --- | ---: | ---: | ---: |\n"
        "| a | b | 0.62 | at most 0.80 | yes |\n"
        "| c | d | 1.50 | at least 1.80 | no |\n"
        "| e | f | 0.90 | – | – |\n"
    )


def test_table_7_stands_above_what_was_measured_on_one_thread():
    lines = printed_table(SECTION.rows).splitlines()
    assert lines[0] == "| Network | Where | Mode | 1024 × 2048 | 512 × 1024 |"
    assert "| ENet * | as cited by the paper | sequential | 20.4 | 76.9 |" in lines
    assert "| SegNet * | as cited by the paper | sequential | 1.6 | – |" in lines
    assert lines[7:11] == [
        "| ContextNet | the paper, Titan X (Maxwell) | pipelined | 41.9 | 136.2 |",
        "| cn14 | litert title | sequential | 10.0 | 40.0 |",
        "| cn14 | litert title | pipelined | 20.0 | – |",
        "| cn14 | litert-in-graph title | sequential | 6.2 | 50.0 |",
    ]
    # At a size that the paper has not, its column is empty.
    other = printed_table([row("litert", 1.0, size=(64, 64))])
    assert "| ICNet | the paper, Titan X (Maxwell) | sequential | – |" in other


def test_networks_side_by_side_by_hand():
    rows = [
        *SECTION.rows,
        row("litert", 50.0, model="cn18"),
        row("litert", 1000.0, model="enet"),
        row("litert", 500.0, model="pspnet"),
    ]
    assert compared_networks(rows) == ["cn14", "cn18", "enet", "pspnet"]
    # Threads and pipelines are left out. The paper: Table 7 for cn14 and ENet, Table 4 for cn18, nothing for PSPNet.
    assert networks_table(rows, (1024, 2048)).splitlines() == [
        "| Network | the paper, GPU | litert title | litert-in-graph title | pytorch-in-graph title "
        "| litert-int8 title |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| cn14 | 18.3 | 10.0 | 6.2 | 4.0 | 16.0 |",
        "| cn14, upsampled last | – | 11.1 | – | – | – |",
        "| cn18 | 21.0 | 20.0 | – | – | – |",
        "| enet | 20.4 | 1.0 | – | – | – |",
        "| pspnet | – | 2.0 | – | – | – |",
    ]
    # Table 4 is about full size alone.
    smaller = [row("litert", 10.0, model=name, size=(256, 512)) for name in ("cn18", "icnet")]
    assert networks_table(smaller, (256, 512)).splitlines()[2:] == ["| cn18 | – | 100.0 |", "| icnet | 83.2 | 100.0 |"]
    titles = [line for line in runtime_page(replace(SECTION, rows=rows)).splitlines() if line.startswith("## Networks")]
    assert titles == [
        "## Networks side by side: frames per second, 1024 × 2048, one thread, one at a time",
        "## Networks side by side: frames per second, 512 × 1024, one thread, one at a time",
    ]


def test_the_page_says_where_it_comes_from():
    page = runtime_page(SECTION)
    assert "2 x Some CPU; keras 3.0.\n" in page and "Left out: PyTorch: torch not installed.\n" in page
    titles = [line for line in page.splitlines() if line.startswith("## ")]
    assert titles == [
        "## All rows",
        "## Ratios: cn14, 1024 × 2048, one thread",
        "## Ratios: cn14, 512 × 1024, one thread",
        "## Beside Table 7: frames per second",
    ]
    assert "20 interleaved rounds after 2 of warm-up, on 4 images of camvid val; weights: trained." in page


def test_the_image_has_a_bar_a_row():
    content = runtime_plot(SECTION.rows)
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]

    def bars(color):
        near = (np.abs(image.astype(int) - color).sum(axis=-1) < 30).astype(np.uint8)
        # The line of the spread lies over a bar: closing joins its halves.
        return cv2.connectedComponents(cv2.morphologyEx(near, cv2.MORPH_CLOSE, np.ones((5, 5))))[0] - 1

    assert bars((15, 107, 110)) == 9
    assert bars((180, 87, 28)) == 4  # ContextNet's two rows of Table 7, at both sizes


@pytest.mark.parametrize("size", [(64, 64), (1024, 2048)])
def test_bars_of_one_row_are_drawn(size):
    assert runtime_plot([row("litert", 10.0, size=size)]).startswith(b"\x89PNG")
    assert plots.speed_bars({"one": [plots.SpeedBar("a", 1.0)]}).startswith(b"\x89PNG")
