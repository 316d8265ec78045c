"""The lines of a history, also after a process was killed while it wrote one."""

from contextnet_tf.runs.history import History


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
