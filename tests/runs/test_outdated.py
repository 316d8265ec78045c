"""What training removes from result.json: figures of the network that it has replaced."""

import json

from contextnet_tf.runs.results import remove_outdated


def test_outdated_figures_of_an_old_file_are_removed_and_the_rest_is_converted(tmp_path):
    """Version 0 has no format version inside; what is left must not be converted a second time."""
    (tmp_path / "result.json").write_text(
        '{"model": {"name": "cn14"}, "export": {"files": {}}, "flags": {"export": {}}}'
    )
    assert remove_outdated(tmp_path) == ["export"]
    left = {"format_version": 1, "model": {"name": "cn14"}, "flags": {}}
    assert json.loads((tmp_path / "result.json").read_text()) == left


def test_what_every_program_measured_of_the_network_is_removed(tmp_path):
    content = {
        "format_version": 1, "model": {"name": "cn14"}, "training": {"steps": 3}, "evaluation": {"mean_iou": 0.5},
        "averaged_evaluation": {"mean_iou": 0.75}, "export": {"files": {}}, "runtime": {"threads": 1},
        "precision": {"files": {}}, "branches": {"model": "cn14"},
        "robustness": {"model": "cn14"}, "flags": {"train": {"seed": 1}, "predict": {}},
    }  # fmt: skip
    (tmp_path / "result.json").write_text(json.dumps(content))
    assert remove_outdated(tmp_path) == [
        "evaluate",
        "export",
        "predict",
        "compare_precision",
        "analyze_branches",
        "evaluate_robustness",
    ]
    assert json.loads((tmp_path / "result.json").read_text()) == {
        "format_version": 1, "model": {"name": "cn14"}, "training": {"steps": 3}, "flags": {"train": {"seed": 1}},
    }  # fmt: skip
