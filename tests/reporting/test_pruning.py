"""The table of a pruning by hand."""

import dataclasses

from contextnet_tf.reporting.pruning import pruning_note, pruning_page, pruning_table
from contextnet_tf.runs.studies import PruningRow, PruningSection

SECTION = PruningSection(
    model="cn14", images=101, recipe={"name": "modern"}, given={"epochs": 30}, fine_tuning={"epochs": 10}, seeds=(0, 3),
    size=(192, 240), dataset="camvid",
    rows=(
        PruningRow("cn14x2", 3_270_323, 800_000_000, 4.125, 30, (0.50, 0.52)),
        PruningRow("cn14", 846_179, 250_000_000, 2.0, 10, (0.49, 0.50), (0.20, 0.30)),
    ),
    directly=PruningRow("cn14", 846_179, 250_000_000, 2.0, 40, (0.47, 0.50)),
)  # fmt: skip


def test_the_table():
    assert pruning_table(SECTION).splitlines() == [
        "| Network |  | Parameters | Multiply-adds | Latency, ms | Epochs | Before fine-tuning | Seed 0 | Seed 3 "
        "| Mean | Paper |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| cn14x2 | trained | 3,270,323 | 0.80 G | 4.12 | 30 | – | 50.00 | 52.00 | 51.00 | – |",
        "| cn14 | pruned | 846,179 | 0.25 G | 2.00 | 10 | 25.00 | 49.00 | 50.00 | 49.50 | 66.1 |",
        "| cn14 | trained directly | 846,179 | 0.25 G | 2.00 | 40 | – | 47.00 | 50.00 | 48.50 | 64.2 |",
    ]


def test_the_note_says_what_pruning_gained():
    note = pruning_note(SECTION)
    # 2 points and 0 points.
    assert "for the same number of epochs: +1.00 points (standard deviation 1.41)" in note
    assert "The paper, on Cityscapes' test set: +1.9 points (64.2 to 66.1 %)" in note
    assert "recipe modern with --epochs=30; after each pruning --epochs=10" in note
    assert "Pruned minus" not in pruning_note(dataclasses.replace(SECTION, directly=None))
    assert pruning_page(SECTION).endswith(pruning_table(SECTION))
