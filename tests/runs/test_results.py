import json
import math
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.runs import results


def written(run_dir):
    return json.loads((run_dir / "result.json").read_text())


def test_a_section_replaces_its_own_and_leaves_the_others(tmp_path):
    results.update_results(tmp_path, model={"name": "cn14", "layers": 9}, training={"steps": 3})
    results.update_results(tmp_path, model={"name": "cn12"})
    assert written(tmp_path) == {"model": {"name": "cn12"}, "training": {"steps": 3}}


def test_flags_are_kept_per_program(tmp_path):
    results.update_results(tmp_path, flags={"train": {"seed": 1}, "export": {"size": 2}})
    results.update_results(tmp_path, flags={"export": {"size": 4}})
    assert written(tmp_path) == {"flags": {"train": {"seed": 1}, "export": {"size": 4}}}


def test_numpy_values_and_values_that_json_lacks_are_made_plain(tmp_path):
    results.update_results(
        tmp_path / "new",
        evaluation={
            "mean_iou": np.float32(0.5),
            "class_iou": {"road": math.nan, "sky": np.float64("nan"), "car": math.inf},
            "confusion": np.array([[1, 2], [3, 4]]),
            "size": (2, 3),
            "checkpoint": pathlib.PurePosixPath("runs/best.keras"),
        },
    )
    assert results.read_results(tmp_path / "new")["evaluation"] == {
        "mean_iou": 0.5,
        "class_iou": {"road": None, "sky": None, "car": None},
        "confusion": [[1, 2], [3, 4]],
        "size": [2, 3],
        "checkpoint": "runs/best.keras",
    }
    assert "NaN" not in (tmp_path / "new" / "result.json").read_text()


def test_a_value_that_cannot_be_written_leaves_the_file_whole(tmp_path):
    results.update_results(tmp_path, model={"name": "cn14"})
    with pytest.raises(TypeError):
        results.update_results(tmp_path, model={"name": object()})
    assert written(tmp_path) == {"model": {"name": "cn14"}}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "is missing"),
        ('{"model": {', "is not JSON"),
        ("[1, 2]", "no JSON object"),
        ('{"model": 3}', "section 'model' is damaged"),
        ('{"date": {}}', "section 'date' is damaged"),
    ],
)
def test_a_missing_or_damaged_file_is_one_line_that_names_it(tmp_path, content, message):
    path = tmp_path / "result.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError) as caught:
        results.read_results(tmp_path)
    assert str(path) in str(caught.value) and message in str(caught.value)
    assert "\n" not in str(caught.value)
    if content is not None:
        with pytest.raises(InputError):
            results.update_results(tmp_path, training={"steps": 1})
        assert path.read_text() == content


def test_environment_says_where_a_figure_comes_from(tmp_path):
    environment = results.environment()
    assert set(environment) == {"versions", "machine", "commit", "date"}
    assert environment["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert environment["versions"]["numpy"] == np.__version__
    assert {"contextnet_tf", "tensorflow", "keras", "ai-edge-litert"} <= set(environment["versions"])
    assert set(environment["machine"]) == {"processor", "cores", "memory_gib", "system"}
    assert environment["machine"]["processor"] and environment["machine"]["cores"] >= 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", environment["date"])
    assert environment["commit"] is None or re.fullmatch(r"[0-9a-f]{40}(\+changes)?", environment["commit"])
    results.update_results(tmp_path, **environment)
    assert results.read_results(tmp_path) == environment


def test_the_commit_tells_a_changed_checkout_and_is_null_outside_one(tmp_path, monkeypatch):
    package = tmp_path / "contextnet_tf" / "reporting"
    package.mkdir(parents=True)
    module = package / "results.py"
    module.write_text("one")
    monkeypatch.setattr(results, "__file__", str(module))
    assert results.environment()["commit"] is None

    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    assert results.environment()["commit"] is None  # no commit yet
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    head = git("rev-parse", "HEAD")
    assert results.environment()["commit"] == head
    (tmp_path / "scratch").write_text("a file that git does not know changes no result")
    assert results.environment()["commit"] == head
    module.write_text("two")
    assert results.environment()["commit"] == head + "+changes"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert results.environment()["commit"] is None  # git is not installed
