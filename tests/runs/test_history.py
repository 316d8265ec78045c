"""The lines of a history: written, also after a process was killed while it wrote one; read; and made to curves."""

import math

import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.runs.history import History, binned, curve, read_history


def test_lines_are_read_in_order(tmp_path):
    (tmp_path / "history.jsonl").write_text('{"step": 1, "loss": 2.5}\n\n{"step": 2, "loss": NaN}\n')
    assert [entry["step"] for entry in read_history(tmp_path)] == [1, 2]


def test_a_run_without_a_history_has_an_empty_one(tmp_path):
    assert read_history(tmp_path) == []


def test_a_line_that_a_killed_run_left_half_written_is_left_out(tmp_path):
    (tmp_path / "history.jsonl").write_text('{"step": 1}\n{"step": 2, "lo')
    assert read_history(tmp_path) == [{"step": 1}]


@pytest.mark.parametrize("damage", ['{"step": 2, "lo', "[1, 2]", "3"])
def test_a_damaged_line_before_the_end_is_named(tmp_path, damage):
    path = tmp_path / "history.jsonl"
    path.write_text(f'{{"step": 1}}\n{damage}\n{{"step": 3}}\n')
    with pytest.raises(InputError) as caught:
        read_history(tmp_path)
    assert f"{path}:2" in str(caught.value) and "\n" not in str(caught.value)


def test_a_history_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "history.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="history.jsonl"):
        read_history(tmp_path)


def test_a_curve_leaves_out_what_is_no_figure_and_lets_the_later_line_count():
    history = [
        {"step": 1, "epoch": 0.5, "loss": 4.0},
        {"step": 3, "epoch": 1.5, "loss": 9.0},
        {"step": 2, "epoch": 1.0, "loss": 3.0},
        {"step": 3, "epoch": 1.5, "loss": 2.0},
        {"step": 4, "epoch": 2.0, "loss": float("nan")},
        {"step": 5, "epoch": 2.5, "loss": float("inf")},
        {"step": 6, "epoch": 3.0, "loss": None},
        {"step": 7, "epoch": 3.5, "val_mean_iou": 0.5},
        {"step": 8, "loss": 1.0},
    ]
    assert curve(history, "loss") == ([0.5, 1.0, 1.5], [4.0, 3.0, 2.0])
    assert curve(history, "learning_rate") == ([], [])


def test_neighbors_are_averaged_until_few_enough_points_are_left():
    assert binned([1, 2, 3, 4, 5], [10, 20, 30, 40, 50], bins=3) == ([1.5, 3.5, 5.0], [15, 35, 50])
    assert binned([1, 2], [10, 20], bins=3) == ([1, 2], [10, 20])
    assert binned([], [], bins=3) == ([], [])


def test_lines_beyond_the_saved_length_are_dropped(tmp_path):
    path = tmp_path / "history.jsonl"
    history = History(path, 0)
    for step in (1, 2, 3):
        history.append(step, step / 2, {"loss": 0.5})
    assert history.length == 3
    with path.open("a") as file:
        file.write('{"step": 4, "lo')
    again = History(path, 2)
    again.append(3, 1.5, {"loss": 0.25})
    assert again.length == 3
    assert path.read_text() == (
        '{"step": 1, "epoch": 0.5, "loss": 0.5}\n'
        '{"step": 2, "epoch": 1.0, "loss": 0.5}\n'
        '{"step": 3, "epoch": 1.5, "loss": 0.25}\n'
    )


def test_figures_that_are_not_finite_become_null(tmp_path):
    History(tmp_path / "history.jsonl", 0).append(1, 0.5, {"loss": math.nan, "val_mean_iou": math.inf})
    assert (tmp_path / "history.jsonl").read_text() == '{"step": 1, "epoch": 0.5, "loss": null, "val_mean_iou": null}\n'


def test_a_line_that_was_cut_off_does_not_damage_the_next(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "lo')  # within the length of the checkpoint, as after a power failure
    History(path, 2).append(3, 0.5, {"loss": 1.0})
    assert path.read_text() == '{"step": 1}\n{"step": 3, "epoch": 0.5, "loss": 1.0}\n'
