"""What --checkpoint and --dataset mean, for every program in the same way."""

import json
import os
import pathlib
import shutil

import pytest

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.deployment.engines import engine_for
from contextnet_tf.errors import InputError
from experiments import evaluate, opening, serve

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "run"


def test_a_checkpoint_means_one_file(tmp_path):
    assert opening.checkpoint_file(GOLDEN) == GOLDEN / "best.keras"
    assert opening.checkpoint_file(GOLDEN / "best.keras") == GOLDEN / "best.keras"
    tflite = GOLDEN / "export" / "model.tflite"
    assert opening.checkpoint_file(GOLDEN, exported=True) == opening.checkpoint_file(tflite) == tflite
    for checkpoint, message in (
        (tmp_path, "holds no best.keras"),
        (tmp_path / "absent.keras", "absent.keras: does not exist"),
        (
            GOLDEN / "settings.json",
            "settings.json: is not a .keras file, or is truncated; give one that training wrote",
        ),
        (tmp_path / "absent.tflite", "absent.tflite: is not a file; experiments.export writes such files"),
    ):
        with pytest.raises(InputError, match=message):
            opening.checkpoint_file(checkpoint)
    with pytest.raises(InputError, match=r"holds no export/model.tflite; run experiments.export first"):
        opening.checkpoint_file(tmp_path, exported=True)


def test_a_run_with_several_exported_files_and_not_the_usual_one(tmp_path):
    (tmp_path / "export").mkdir()
    for name in ("model_int8.tflite", "model_float16.tflite"):
        (tmp_path / "export" / name).touch()
    message = "several exported files, none of them model.tflite; give one: model_float16.tflite, model_int8.tflite"
    with pytest.raises(InputError, match=message):
        opening.checkpoint_file(tmp_path, exported=True)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not tie processes to cores")
def test_the_threads_are_as_many_as_the_cores_that_the_process_may_use():
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        segmenter = opening.open_segmenter(GOLDEN / "export" / "model.tflite")
    finally:
        os.sched_setaffinity(0, cores)
    assert segmenter._engine.num_threads == 1


def test_an_exported_file_is_no_network():
    with pytest.raises(InputError, match="is an exported file; a .keras file or the folder of a run is needed here"):
        opening.open_network(GOLDEN / "export" / "model.tflite")


def test_suffixes_may_be_in_capitals(tmp_path):
    sources = {"A.KERAS": "best.keras", "B.TFLITE": "export/model.tflite", "B.json": "export/model.json"}
    for name, source in sources.items():
        shutil.copy(GOLDEN / source, tmp_path / name)
    assert opening.checkpoint_file(tmp_path / "A.KERAS") == tmp_path / "A.KERAS"
    assert opening.open_network(tmp_path / "A.KERAS").output["main"].shape[-1] == 19
    assert opening.checkpoint_file(tmp_path / "B.TFLITE") == tmp_path / "B.TFLITE"
    assert opening.open_segmenter(tmp_path / "B.TFLITE").metadata["num_classes"] == 19
    assert serve.files_to_serve(str(tmp_path / "B.TFLITE")) == [tmp_path / "B.TFLITE"]
    assert [engine_for(name) for name in ("C.Onnx", "B.TFLITE", "A.KERAS")] == [
        "onnxruntime", "litert", "tensorflow"
    ]  # fmt: skip


def test_networks_and_exported_files_open():
    network = opening.open_network(GOLDEN)
    assert network.output["main"].shape[-1] == 19
    segmenter = opening.open_segmenter(opening.checkpoint_file(GOLDEN, exported=True))
    assert segmenter.num_classes == 19
    with pytest.raises(InputError, match="x: the network has 19 classes, dataset 'camvid' has 11; set --dataset"):
        opening.require_classes("x", segmenter.num_classes, get_dataset("camvid"))


def _dataset(*names):
    return get_dataset("folder", {"classes": [{"name": name} for name in names]})


def test_classes_are_compared_by_name(tmp_path):
    """As train records them beside a network, and export in the file's own metadata, which counts more."""
    (tmp_path / "export").mkdir()
    record = {"dataset": {"name": "folder", "classes": [{"name": "left"}, {"name": "caf\u00e9"}]}}
    (tmp_path / "result.json").write_text(json.dumps(record))
    tflite = tmp_path / "export" / "model.tflite"
    for path in (tmp_path / "best.keras", tflite):
        opening.require_classes(path, 2, _dataset("left", "cafe\u0301"))  # one letter, encoded in two ways
        with pytest.raises(InputError) as refused:
            opening.require_classes(path, 2, _dataset("caf\u00e9", "left"))
        assert str(refused.value) == (
            f"{path}: its classes and those of 'folder' are the same in another order: class 0 is 'left', not "
            "'caf\u00e9'; set --dataset to the one that it was trained on"
        )
        with pytest.raises(InputError, match="are not the same: class 1 is 'caf\u00e9', not 'right'; set --dataset"):
            opening.require_classes(path, 2, _dataset("left", "right"))
    classes = [{"name": name, "category": "thing", "color": [0, 0, 0]} for name in ("a", "b")]
    own = {"image": {}, "classes": classes}
    opening.require_classes(tflite, 2, _dataset("a", "b"), metadata=own)
    with pytest.raises(InputError, match="class 0 is 'a', not 'left'"):
        opening.require_classes(tflite, 2, _dataset("left", "caf\u00e9"), metadata=own)
    # The JSON beside it belongs to the TFLite file.
    (tmp_path / "export" / "model.json").write_text(json.dumps(own))
    opening.require_classes(tmp_path / "export" / "model.onnx", 2, _dataset("left", "caf\u00e9"))
    opening.require_classes(tmp_path / "away" / "network.keras", 2, _dataset("a", "b"))  # nobody knows its names


def test_evaluate_says_that_nothing_names_the_classes(tmp_path, capsys):
    evaluate.segmentation(GOLDEN / "best.keras", get_dataset("cityscapes"))
    assert capsys.readouterr().err == ""
    lone = shutil.copy(GOLDEN / "best.keras", tmp_path / "lone.keras")
    evaluate.segmentation(lone, get_dataset("cityscapes"))
    assert capsys.readouterr().err == (
        f"note: {lone}: no result.json beside it names its classes; they are taken for those of 'cityscapes', in the "
        "same order\n"
    )


def test_figures_of_another_network_do_not_come_into_the_folder_of_a_run(tmp_path):
    for folder, content in (("one", b"1"), ("copy", b"1"), ("other", b"2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "best.keras").write_bytes(content)
    for allowed in ("one/best.keras", "copy/best.keras", "other/export/model.tflite"):
        opening.require_own_results(tmp_path / "one", tmp_path / allowed)
    opening.require_own_results(tmp_path / "new", tmp_path / "other" / "best.keras")
    for name in ("best.keras", "BEST.KERAS"):
        (tmp_path / "other" / name).write_bytes(b"2")
        with pytest.raises(InputError, match=f"one: holds the run of another network than .*other/{name}"):
            opening.require_own_results(tmp_path / "one", tmp_path / "other" / name)


def test_the_dataset_is_the_given_the_recorded_or_the_default_one(tmp_path):
    recorded = {"name": "streets", "data_dir": "/of/the/run"}
    (tmp_path / "result.json").write_text(json.dumps({"dataset": recorded}))

    def found(**given):
        resolved = opening.find_dataset(**{"dataset": None, "recorded_in": [tmp_path / "absent", tmp_path]} | given)
        return resolved and (resolved.dataset.name, resolved.data_dir)

    assert found() == ("streets", "/of/the/run")
    assert found(data_dir="/moved") == ("streets", "/moved")
    assert found(dataset="streets", default="camvid") == ("streets", "/of/the/run")
    assert found(dataset="camvid") == ("camvid", None)  # the recorded folder holds another dataset
    assert found(recorded_in=[], default="camvid") == ("camvid", None)
    assert found(recorded_in=[]) is None
    with pytest.raises(InputError, match="x: no result.json beside it records a dataset; set --dataset=..."):
        opening.dataset_of("x", dataset=None, recorded_in=[])


def test_the_class_table_of_the_run_is_taken_for_its_dataset_only(tmp_path):
    table = {"classes": [{"name": "ground"}, {"name": "rim"}]}
    (tmp_path / "result.json").write_text(json.dumps({"dataset": {"name": "folder", "class_table": table}}))
    dataset, data_dir = opening.find_dataset(dataset=None, recorded_in=[tmp_path])
    assert ([label.name for label in dataset.classes], data_dir) == (["ground", "rim"], None)
    with pytest.raises(InputError, match="needs a class table"):
        opening.find_dataset(dataset="tfds:other", recorded_in=[tmp_path])


def test_an_exported_file_is_described_by_the_run_above_it(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "run")
    file = opening.checkpoint_file(tmp_path / "run", exported=True)
    assert opening.recording_dirs(file) == (tmp_path / "run" / "export", tmp_path / "run")
    assert opening.recording_dirs(tmp_path / "run" / "best.keras") == (tmp_path / "run",)


def test_what_was_skipped_is_said_before_what_is_missing(tmp_path, capsys):
    for name in ("images/train/a.png", "labels/train/a.npy"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    own = get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}]})
    with pytest.raises(InputError, match="a.png: has no label file; expected a under labels/train"):
        opening.list_examples(own, str(tmp_path), "train")
    assert capsys.readouterr().err.endswith("is not that of an image: a.npy\n")
