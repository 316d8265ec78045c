"""result.json: sections beside one another, files that are damaged or too new, and where a dataset is recorded."""

import json
import math
import pathlib

import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.runs import results
from contextnet_tf.runs.results import Results, ensure_updatable, read_results, update_results
from contextnet_tf.runs.sections import (
    Accuracy,
    DatasetSection,
    EvaluationSection,
    ExportedFile,
    ExportSection,
    ModelSection,
    TrainingSection,
)


def written(run_dir):
    return json.loads((run_dir / "result.json").read_text())


def test_a_section_replaces_its_own_and_leaves_the_others(tmp_path):
    update_results(tmp_path, ModelSection("cn14", num_classes=9), TrainingSection(steps=3))
    (tmp_path / "result.json").write_text(json.dumps(written(tmp_path) | {"mine": [1]}))
    update_results(tmp_path, ModelSection("cn12"))
    assert read_results(tmp_path) == Results(model=ModelSection("cn12"), training=TrainingSection(steps=3))
    assert written(tmp_path)["mine"] == [1]  # what someone noted stays


def test_flags_are_kept_per_program(tmp_path):
    update_results(tmp_path, flags={"train": {"seed": 1}, "export": {"size": (2, 3)}})
    update_results(tmp_path, flags={"export": {"size": 4}})
    assert written(tmp_path) == {"format_version": 1, "flags": {"train": {"seed": 1}, "export": {"size": 4}}}


def test_figures_that_are_not_finite_become_null(tmp_path):
    update_results(tmp_path, EvaluationSection(Accuracy(math.nan, class_iou={"road": math.inf})))
    assert "NaN" not in (tmp_path / "result.json").read_text()
    assert read_results(tmp_path).evaluation.accuracy == Accuracy(class_iou={"road": None})


def test_a_value_that_cannot_be_written_leaves_the_file_whole(tmp_path):
    update_results(tmp_path, ModelSection("cn14"))
    with pytest.raises(TypeError):
        update_results(tmp_path, flags={"train": {"name": object()}})
    assert read_results(tmp_path) == Results(model=ModelSection("cn14"))
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "is missing"),
        ('{"model": {', "is not JSON"),
        ("[1, 2]", "no JSON object"),
        ('{"model": 3}', "section 'model' is damaged"),
        ('{"date": {}}', "section 'date' is damaged"),
        ('{"format_version": 1, "evaluation": {"class_iou": {"road": "x"}}}',
         "section 'evaluation' is damaged (evaluation.class_iou.road is 'x', not a finite number); delete the section"),
        ('{"format_version": 1, "training": {"recipe": {"name": 3}}}', "training.recipe.name is 3, not a text"),
        ('{"format_version": 1, "evaluation": {"confusion": [[1, 2]]}}', "evaluation.confusion has 1 rows"),
        ('{"format_version": 1, "flags": {"train": []}}', "section 'flags' is damaged"),
        ('{"format_version": 2}', "has format_version 2, and this version of contextnet_tf reads up to 1; update"),
        ('{"format_version": "1"}', "format_version is '1', not a whole number"),
        ('{"format_version": true}', "format_version is True, not a whole number"),
    ],
)  # fmt: skip
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
            update_results(tmp_path, TrainingSection(steps=1))
        assert path.read_text() == content


def test_a_missing_file_has_no_sections_where_that_is_fine(tmp_path):
    assert read_results(tmp_path, missing_ok=True) == Results()


def test_a_recorded_dataset_is_found_with_its_folder_and_classes(tmp_path):
    update_results(tmp_path / "run", DatasetSection("folder", data_dir="own", class_table={"classes": []}))
    folders = [tmp_path / "none", tmp_path / "run"]
    assert results.recorded_dataset(folders, None, None) == ("folder", "own")
    assert results.recorded_dataset(folders, "folder", "moved") == ("folder", "moved")
    assert results.recorded_dataset(folders, "camvid", None) == ("camvid", None)
    assert results.recorded_dataset([], None, None) == (None, None)
    assert results.recorded_class_table(folders, "folder") == {"classes": []}
    assert results.recorded_class_table(folders, "camvid") is None


def test_an_exported_file_is_measured_and_others_stay(tmp_path):
    class Parity:
        largest_difference, largest_logit, label_parity = None, 10.0, 0.5

    (tmp_path / "model.tflite").write_bytes(b"12345")
    (tmp_path / "saved_model" / "variables").mkdir(parents=True)
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(b"123")
    (tmp_path / "saved_model" / "variables" / "data").write_bytes(b"1234")
    file = ExportedFile.of(tmp_path / "model.tflite", Parity, precision="int8", checked_with="noise")
    assert file == ExportedFile(
        path="export/model.tflite", bytes=5, precision="int8", largest_logit_difference=None, largest_logit=10.0,
        label_parity=0.5, checked_with="noise",
    )  # fmt: skip
    folder = ExportedFile.of(tmp_path / "saved_model", Parity)
    assert folder.bytes == 7
    section = ExportSection({"saved_model": folder}).with_files({"model.tflite": file})
    assert section.files == {"saved_model": folder, "model.tflite": file}
    assert section.with_files({"saved_model": file}).files == {"saved_model": file, "model.tflite": file}


def test_what_cannot_be_updated_is_refused_before_the_work(tmp_path):
    assert ensure_updatable(tmp_path / "new") == tmp_path / "new" and (tmp_path / "new").is_dir()
    (tmp_path / "result.json").write_text('{"format_version": 1, "evaluation": ')
    with pytest.raises(InputError, match="result.json: is not JSON .*; restore it, or remove it and run"):
        ensure_updatable(tmp_path)
    (tmp_path / "result.json").write_text('{"format_version": 2}')
    with pytest.raises(InputError, match="has format_version 2, and this version"):
        ensure_updatable(tmp_path)
    with pytest.raises(InputError, match="result.json: cannot be written as a folder"):
        ensure_updatable(tmp_path / "result.json")


def test_every_program_that_updates_results_checks_them_before_its_work():
    programs = pathlib.Path(__file__).parents[2] / "experiments"
    for path in programs.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        # These read result.json before their work, or make a new one.
        if " update_results(" in text and path.stem not in ("train", "pruning_runs", "make_preset"):
            assert "ensure_updatable(" in text.split(" update_results(")[0], path
