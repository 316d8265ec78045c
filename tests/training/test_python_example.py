"""The example of docs/training.md, which trains, evaluates and exports a network from Python."""

import pathlib
import re

from folders import write_camvid

import contextnet_tf as cn

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "training.md"


def test_it_trains_evaluates_and_exports(tmp_path, monkeypatch, capsys):
    found = re.search(r"<!-- example: training -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    data_dir = write_camvid(tmp_path)
    # The shortest recipe, and CamVid of 64 x 96.
    changed = found.group(1)
    for old, new in (('"DIR"', f'"{data_dir}"'), ('"short"', '"smoke"'), ("(384, 480)", "(64, 96)")):
        assert old in changed
        changed = changed.replace(old, new)
    monkeypatch.chdir(tmp_path)
    exec(compile(changed, str(PAGE), "exec"), {})
    assert 0 <= float(capsys.readouterr().out) <= 1
    assert (tmp_path / "runs" / "python" / "best.keras").is_file()
    segmenter = cn.Segmenter("cn14.tflite")
    assert segmenter.metadata["classes"][0]["name"] == "sky"
