"""The table of a recipe's parts by hand."""

import dataclasses

from contextnet_tf.reporting.ablation import ALL, ablation_note, ablation_page, ablation_table
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.measurements import AblationRow, AblationSection

WITHOUT = "without averaging"
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
    assert "Mean IoU in % on the 101 images of the validation split: of each run the best" in note
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
