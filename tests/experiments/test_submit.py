"""The program submit on synthetic scenes: Cityscapes' own program reads the images and says what evaluate says."""

import zipfile

import cv2
import keras
import numpy as np
import pytest
from official_scores import assert_same_scores, official_scores
from tiny_network import write_tiny_network

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.errors import InputError
from contextnet_tf.runs.results import update_results
from contextnet_tf.runs.sections import DatasetSection
from data import streets
from experiments import evaluate, export, submit


@pytest.fixture(scope="module")
def drawn_dir(tmp_path_factory):
    """Three synthetic scenes in Cityscapes' layout, one of a size that the network does not take as it is."""
    folder = tmp_path_factory.mktemp("drawn")
    for index, size in enumerate([(64, 128), (68, 100), (64, 128)]):
        streets.write_scene(folder, 0, "val", index, *size)
    return folder


@pytest.fixture
def run_dir(tmp_path, drawn_dir):
    """The folder of a run on the synthetic scenes."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_tiny_network(folder / "best.keras", 19)
    update_results(folder, DatasetSection("streets", data_dir=str(drawn_dir)))
    return folder


def _label_paths(drawn_dir):
    return [example.label_path for example in get_dataset("streets").list_examples(drawn_dir, "val")]


def test_cityscapes_own_program_says_what_evaluate_says(run_dir, drawn_dir, call):
    called = call(submit, f"--checkpoint={run_dir}", f"--output_dir={run_dir}")
    assert called.status == 0 and called.out.startswith(f"{run_dir}/submission_val.zip (0.")
    assert "segmenting: 100%" in called.err and "3/3" in called.err
    report = evaluate.run(checkpoint=str(run_dir), output_dir=str(run_dir))
    assert len(set(report.confusion.argmax(axis=1))) > 1  # several classes are predicted
    assert_same_scores(report, official_scores(run_dir / "submission_val", _label_paths(drawn_dir)))


def test_the_zip_holds_what_the_server_wants(run_dir, drawn_dir, tmp_path):
    with zipfile.ZipFile(submit.run(checkpoint=str(run_dir), output_dir=str(tmp_path / "out"))) as archive:
        archive.extractall(tmp_path / "sent")
    names = [f"drawnval_00000{i}_000000" for i in range(3)]
    assert sorted(path.name for path in (tmp_path / "sent").iterdir()) == [f"{name}_labelIds.png" for name in names]
    for name in names:
        ids = cv2.imread(str(tmp_path / "sent" / f"{name}_labelIds.png"), cv2.IMREAD_UNCHANGED)
        image = cv2.imread(str(drawn_dir / "leftImg8bit" / "val" / "drawnval" / f"{name}_leftImg8bit.png"))
        assert (ids.shape, ids.dtype) == (image.shape[:2], np.uint8)
        # Cityscapes' ids of the 19 classes.
        assert set(np.unique(ids)) <= {7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33}


def test_an_exported_file_does_too(run_dir, drawn_dir, tmp_path):
    export.run(checkpoint=str(run_dir), output_dir=str(run_dir), formats=("tflite",), size=(64, 128))
    path = submit.run(checkpoint=f"{run_dir}/export/model.tflite", output_dir=str(tmp_path / "out"))
    own = submit.run(checkpoint=str(run_dir), output_dir=str(tmp_path / "own"))
    assert path.name == own.name == "submission_val.zip"
    name = "drawnval_000000_000000_labelIds.png"  # of the exported file's size
    exported, kept = (cv2.imread(str(tmp_path / x / "submission_val" / name), -1) for x in ("out", "own"))
    assert (exported == kept).mean() > 0.999


def test_an_interrupted_submission_goes_on(run_dir, tmp_path, monkeypatch):
    read = []
    real = submit.read_image

    def interrupted_at_the_third(path):
        read.append(path)
        if len(read) == 3:
            raise InputError("interrupted")
        return real(path)

    monkeypatch.setattr(submit, "read_image", interrupted_at_the_third)
    settings = {"checkpoint": str(run_dir), "output_dir": str(tmp_path / "out")}
    with pytest.raises(InputError, match="interrupted"):
        submit.run(**settings)
    assert len(list((tmp_path / "out" / "submission_val").iterdir())) == 2
    assert not (tmp_path / "out" / "submission_val.zip").exists()
    submit.run(**settings)
    assert len(read) == 4 and read[2] == read[3]
    submit.run(**settings)
    assert len(read) == 4
    # Another network starts anew.
    network = keras.saving.load_model(run_dir / "best.keras", compile=False)
    network.get_layer("classifier").bias.assign(np.arange(19.0))
    network.save(run_dir / "best.keras")
    submit.run(**settings)
    assert len(read) == 7


def test_what_cannot_be_submitted_is_refused(run_dir, drawn_dir, tmp_path, call):
    out = tmp_path / "out"

    def refused(*arguments):
        called = call(submit, f"--output_dir={out}", *arguments)
        assert (called.status, called.out, called.err.count("\n")) == (1, "", 1) and not out.exists()
        return called.err

    checkpoint = f"--checkpoint={run_dir}"
    assert "has no images of the split 'demo'" in refused(checkpoint, "--split=demo")
    assert "--checkpoint is missing" in refused()
    assert "absent.tflite: is not a file" in refused("--checkpoint=absent.tflite")
    assert "nowhere: is not a folder" in refused(checkpoint, "--data_dir=nowhere")
    assert "the network has 19 classes, dataset 'camvid' has 11" in refused(checkpoint, "--dataset=camvid")
    write_tiny_network(tmp_path / "eleven.keras", 11)
    eleven = f"--checkpoint={tmp_path}/eleven.keras"
    assert refused(eleven, f"--data_dir={drawn_dir}").endswith(
        "the network has 11 classes, dataset 'cityscapes' has 19; set --checkpoint to one trained on cityscapes\n"
    )


def test_a_data_set_without_cityscapes_label_ids_is_refused(camvid_dir, tmp_path, call):
    write_tiny_network(tmp_path / "eleven.keras", 11)
    called = call(
        submit, f"--checkpoint={tmp_path}/eleven.keras", "--dataset=camvid", f"--data_dir={camvid_dir}",
        f"--output_dir={tmp_path}/out",
    )  # fmt: skip
    assert called.err == (
        "error: dataset 'camvid' does not have Cityscapes' label ids, which the server expects; submit a network that "
        "was trained on Cityscapes' classes\n"
    )
    assert called.status == 1 and not (tmp_path / "out").exists()
