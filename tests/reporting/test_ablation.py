"""The table of a recipe's parts by hand."""

from contextnet_tf.reporting.ablation import ALL, ablation_table


def test_differences_are_seed_by_seed():
    table = ablation_table({ALL: [0.60, 0.62], "without averaging": [0.58, 0.61]}, [0, 7])
    assert table.splitlines() == [
        "|  | seed 0 | seed 7 | mean | difference | standard deviation |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        # 60 and 62 deviate by sqrt(2); the differences -2 and -1 by sqrt(1/2).
        "| all parts | 60.00 | 62.00 | 61.00 |  | 1.41 |",
        "| without averaging | 58.00 | 61.00 | 59.50 | -1.50 | 0.71 |",
    ]


def test_one_seed_has_no_deviation():
    table = ablation_table({ALL: [0.6], "without averaging": [0.59]}, [0])
    assert table.splitlines()[-1] == "| without averaging | 59.00 | 59.00 | -1.00 | – |"
