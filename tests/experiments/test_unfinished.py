"""A run that was stopped: its network is used as that of a finished one, with the data of the run."""

import shutil

import keras
import pytest
from tiny_network import TINY

from contextnet_tf.errors import InputError, Stopped
from contextnet_tf.models.registry import build_model
from contextnet_tf.runs.results import read_results
from experiments import evaluate, export, report, train
from experiments.splits import Splits


def train_tiny(data_dir, folder, **arguments):
    """10 steps, an epoch each, with p1 and p3 of train and val held out; validated after 5 and 10 steps."""
    train.run(
        model=build_model(TINY, num_classes=11, input_shape=(None, None, 3), aux_head=True),
        dataset="camvid",
        data_dir=str(data_dir),
        output_dir=str(folder),
        recipe="smoke",
        data_splits=Splits(("train", "val"), None, ("p1", "p3")),
        changes={"batch_size": 5, "epochs": 10},
        **arguments,
    )


def stopped_run(data_dir, folder, should_stop):
    """The step at which the run stopped."""
    with pytest.raises(Stopped) as stopped:
        train_tiny(data_dir, folder, should_stop=should_stop)
    return stopped.value.step


@pytest.fixture(scope="module")
def run_dir(camvid_module_dir, tmp_path_factory):
    """A run that was stopped after its first validation."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("run")
    assert stopped_run(camvid_module_dir, folder, (folder / "best.keras").exists) == 6
    return folder


def test_it_is_evaluated_on_what_it_held_out(run_dir, tmp_path):
    evaluate.run(checkpoint=str(run_dir), output_dir=str(tmp_path))
    section = read_results(tmp_path).evaluation
    assert (section.dataset, section.split, section.accuracy.images) == ("camvid", "train+val, p1 and p3 held out", 3)


def test_it_is_exported_at_the_size_of_its_images(run_dir, tmp_path):
    export.run(checkpoint=str(run_dir), output_dir=str(tmp_path), formats=("tflite",))
    file = read_results(tmp_path).export.files["model.tflite"]
    assert (file.dataset, file.input_size) == ("camvid", (64, 96))
    assert (tmp_path / "export" / "model.tflite").is_file()


def test_it_has_a_report(run_dir):
    page = report.run(output_dir=str(run_dir)).read_text(encoding="utf-8")
    assert "<h1>tiny on CamVid</h1>" in page
    assert read_results(run_dir).training is None


def test_figures_of_the_unfinished_network_end_with_its_training(camvid_module_dir, run_dir, tmp_path, capsys):
    folder = shutil.copytree(run_dir, tmp_path / "run")
    for flip in (False, True):
        evaluate.run(checkpoint=str(folder), output_dir=str(folder), flip=flip)
    assert {"evaluate", "train"} <= read_results(folder).flags.keys()
    keras.utils.set_random_seed(0)
    train_tiny(camvid_module_dir, folder)
    results = read_results(folder)
    assert (results.training.steps, results.averaged_evaluation, list(results.flags)) == (10, None, ["train"])
    assert results.evaluation.checkpoint == "best.keras"
    assert (
        f"note: {folder}: figures of the unfinished network are removed; run again: evaluate" in capsys.readouterr().err
    )
    evaluate.run(checkpoint=str(folder), output_dir=str(folder), flip=True)
    train_tiny(camvid_module_dir, folder)  # complete: its figures stay
    assert read_results(folder).averaged_evaluation is not None


def test_before_the_first_validation_there_is_no_network(camvid_module_dir, tmp_path):
    assert stopped_run(camvid_module_dir, tmp_path, lambda: True) == 1
    with pytest.raises(InputError, match="holds no best.keras; .* has one from its first validation on"):
        evaluate.run(checkpoint=str(tmp_path), output_dir=str(tmp_path))
