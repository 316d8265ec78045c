"""Markdown tables, and the same for a terminal."""

from contextnet_tf.reporting import tables


def test_a_cell_cannot_break_the_table():
    assert tables.markdown_table(["a", "b"], [["x|y", "one\ntwo"]]) == (
        "| a | b |\n| --- | ---: |\n| x\\|y | one<br>two |\n"
    )


def test_aligned_keeps_empty_cells_at_the_edges():
    table = tables.markdown_table(["", "a", "b"], [["one", "1", "23"], ["", "456", ""]])
    assert tables.aligned(table).splitlines() == [
        "        a     b",
        "---  ----  ----",
        "one     1    23",
        "      456",
    ]
