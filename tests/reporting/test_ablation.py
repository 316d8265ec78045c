"""The table of a recipe's parts by hand."""

import dataclasses

from contextnet_tf.reporting.ablation import (
    ablation_classes,
    ablation_note,
    ablation_page,
    ablation_plot,
    ablation_table,
)
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.studies import AblationRow, AblationSection

ALL, WITHOUT = "all parts", "without averaging"
SECTION = AblationSection(
    model="cn14", dataset="camvid", split="val", images=101, given={"epochs": 60},
    recipe={"name": "modern", "epochs": 60, "validation_epochs": 10}, seeds=(0, 7),
    rows=(AblationRow(ALL, {}, (0.60, 0.62)), AblationRow(WITHOUT, {"ema_decay": 0.0}, (0.58, 0.61))),
)  # fmt: skip
ONE_SEED = dataclasses.replace(
    SECTION, seeds=(0,), rows=(AblationRow(ALL, {}, (0.6,)), AblationRow(WITHOUT, {"ema_decay": 0.0}, (0.59,)))
)


def test_differences_are_seed_by_seed():
    assert ablation_table(SECTION).splitlines() == [
        "| Row | Flag | Seed 0 | Seed 7 | Mean | Difference | Standard deviation |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        # 60 and 62 deviate by sqrt(2); the differences -2 and -1 by sqrt(1/2).
        "| all parts |  | 60.00 | 62.00 | 61.00 |  | 1.41 |",
        "| without averaging | --ema_decay=0.0 | 58.00 | 61.00 | 59.50 | -1.50 | 0.71 |",
    ]


def test_one_seed_has_no_deviation():
    last = ablation_table(ONE_SEED).splitlines()[-1]
    assert last == "| without averaging | --ema_decay=0.0 | 59.00 | 59.00 | -1.00 | – |"


def test_the_page_says_what_the_figures_are():
    note = ablation_note(SECTION)
    assert note.startswith("cn14 on CamVid, 60 epochs of the recipe modern with --epochs=60; flags are those of")
    assert "Mean IoU in % on the 101 images of the validation split: the best validation of each run" in note
    assert "one every 10 epochs and one at the end" in note
    assert "60 epochs of the recipe modern; flags are" in ablation_note(dataclasses.replace(SECTION, given={}))
    page = ablation_page(SECTION)
    assert page.startswith("# What each part of a recipe is worth\n\ncn14 on CamVid")
    assert page.endswith(f"\n\n{ablation_table(SECTION)}")


def test_the_table_in_a_terminal():
    assert aligned(ablation_table(ONE_SEED)).splitlines() == [
        "Row                Flag             Seed 0   Mean  Difference  Standard deviation",
        "-----------------  ---------------  ------  -----  ----------  ------------------",
        "all parts                            60.00  60.00                               –",
        "without averaging  --ema_decay=0.0   59.00  59.00       -1.00                   –",
    ]


RESOLUTION = AblationSection(
    model="cn14", dataset="streets", split="val", images=60, given={}, title="Resolution", speed="LiteRT",
    recipe={"name": "modern", "epochs": 60, "validation_epochs": 10}, seeds=(0, 1),
    rows=(
        AblationRow("quarter", {}, (0.60, 0.62), "cn14", 846_179, 10**9, {"road": 0.9, "train": None},
                    paper_mean_iou=0.659, frames_per_second=6.8, paper_frames_per_second=18.3),
        AblationRow("half", {}, (0.65, 0.66), "cn12", 846_179, 3 * 10**9, {"road": 0.95, "train": 0.5},
                    paper_mean_iou=0.687, paper_frames_per_second=11.4),
        AblationRow("half, large batch", {"batch_size": 16}, (0.66, 0.66), "cn12", 846_179, 3 * 10**9,
                    {"road": 0.96, "train": 0.5}, against="half"),
    ),
)  # fmt: skip


def test_the_papers_figures_stand_beside_ours():
    header, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in ablation_table(RESOLUTION).splitlines()
    )
    assert header == [
        "Row", "Flag", "Network", "Multiply-adds", "Seed 0", "Seed 1", "Mean", "Difference", "Standard deviation",
        "Paper", "Paper's difference", "Frames/s", "Paper's frames/s",
    ]  # fmt: skip
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    assert columns["Network"] == ("cn14", "cn12", "cn12")
    assert columns["Difference"] == ("", "+4.50", "+0.50")  # the last against "half": +1 and 0
    assert columns["Standard deviation"] == ("1.41", "0.71", "0.71")
    assert columns["Paper"] == ("65.9", "68.7", "–") and columns["Paper's difference"] == ("", "+2.8", "")
    assert columns["Frames/s"] == ("6.8", "–", "–") and columns["Paper's frames/s"] == ("18.3", "11.4", "–")


def test_categories_and_the_papers_parameters():
    rows = (
        AblationRow("ContextNet", {}, (0.60, 0.62), "cn14", 846_179, mean_category_iou=(0.70, 0.71),
                    paper_mean_iou=0.661, paper_category_iou=0.827, paper_million_parameters=0.85),
        AblationRow("ICNet", {}, (0.61, 0.61), "icnet", 6_685_715, mean_category_iou=(0.72, 0.72),
                    paper_mean_iou=0.695, paper_million_parameters=6.68),
    )  # fmt: skip
    lines = ablation_table(dataclasses.replace(SECTION, rows=rows)).splitlines()
    columns = dict(zip(*[[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], lines[3])]))
    assert columns["Categories"] == "72.00" and columns["Paper's categories"] == "–"
    assert columns["Parameters"] == "6,685,715" and columns["Paper's parameters"] == "6.68 M"
    assert "| 70.50 | 82.7 |" in lines[2]


def test_the_note_says_what_is_compared():
    note = ablation_note(RESOLUTION)
    assert '"half, large batch" is compared with "half".' in note
    assert "The paper's figures are of Cityscapes" in note and "Frames per second: LiteRT." in note


def test_classes_beside_table_5():
    assert ablation_classes(RESOLUTION).splitlines() == [
        "| Class | quarter | half | half, large batch | paper, cn14 | paper, cn12 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| road | 90.0 | 95.0 | 96.0 | 96.8 | 97.2 |",
        "| train | – | 50.0 | 50.0 | 57.1 | 63.7 |",
    ]
    assert ablation_page(RESOLUTION).endswith(ablation_classes(RESOLUTION))
    assert ablation_page(RESOLUTION).startswith("# Resolution\n")


def test_the_plot_is_a_png():
    assert ablation_plot(RESOLUTION).startswith(b"\x89PNG")
