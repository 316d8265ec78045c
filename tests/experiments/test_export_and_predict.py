"""The programs export and predict on an untrained network and two small images."""

import json
import sys

import cv2
import keras
import numpy as np
import pytest
from tiny_network import write_tiny_network

from contextnet_tf.deployment import parity
from contextnet_tf.deployment.parity import Parity
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.confusion import ConfusionMatrix
from contextnet_tf.models.registry import build_model
from contextnet_tf.runs.results import read_results, update_results
from contextnet_tf.runs.sections import DatasetSection
from experiments import export, predict


@pytest.fixture(scope="module")
def network_file(tmp_path_factory):
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("network") / "best.keras"
    build_model("cn14", num_classes=11, input_shape=(None, None, 3)).save(path)
    return path


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory):
    """The least that counts as a network of 11 classes; sizes in multiples of 8."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.keras"
    write_tiny_network(path, 11)
    return path


@pytest.fixture(scope="module")
def exported_dir(network_file, tmp_path_factory):
    """A folder with the TFLite file of the network for images of 64 x 96."""
    folder = tmp_path_factory.mktemp("exported")
    export.run(
        checkpoint=str(network_file),
        dataset="camvid",
        output_dir=str(folder),
        formats=("tflite",),
        size=(64, 96),
    )
    return folder


@pytest.fixture
def run_dir(network_file, camvid_dir, tmp_path):
    """The folder of a run on the images of `camvid_dir`."""
    folder = tmp_path / "run"
    update_results(folder, DatasetSection("camvid", "val", data_dir=str(camvid_dir)))
    (folder / "best.keras").write_bytes(network_file.read_bytes())
    return folder


def test_export_writes_both_files_checks_them_and_says_so(call, run_dir):
    called = call(export, f"--checkpoint={run_dir}", f"--output_dir={run_dir}")
    assert called.status == 0
    assert f"{run_dir}/export/model.tflite" in called.out and "of the labels agree" in called.out
    results = read_results(run_dir)
    files = results.export.files
    assert {name: file.path for name, file in files.items()} == {
        "saved_model": "export/saved_model", "model.tflite": "export/model.tflite"
    }  # fmt: skip
    assert files["model.tflite"].bytes == (run_dir / "export" / "model.tflite").stat().st_size
    for file in files.values():
        assert file.input_size == (64, 96)  # the images' own
        assert file.checked_with == "2 images of camvid val" and (file.dataset, file.split) == ("camvid", "val")
        assert 0 <= file.largest_logit_difference < 1e-4 * file.largest_logit
        assert 0.999 < file.label_parity <= 1
        assert file.provenance.machine.cores >= 1
    assert results.flags["export"]["dataset"] == "camvid"
    assert results.dataset.name == "camvid"
    assert sorted(x.name for x in (run_dir / "export").iterdir()) == [
        "model.json",
        "model.tflite",
        "saved_model",
    ]
    metadata = json.loads((run_dir / "export" / "model.json").read_text())
    assert (metadata["dataset"], metadata["num_classes"]) == ("camvid", 11)


def test_export_without_data_takes_the_data_sets_size_and_noise(run_dir, camvid_dir):
    camvid_dir.rename(camvid_dir.with_name("moved"))
    section = export.run(checkpoint=str(run_dir), output_dir=str(run_dir), formats=("tflite",))
    file = section.files["model.tflite"]
    assert file.input_size == (384, 480)  # CamVid's 360 x 480 in multiples of 32
    assert (file.checked_with, file.dataset) == ("noise", None)
    assert list(section.files) == ["model.tflite"]
    with pytest.raises(InputError, match="nowhere: is not a folder"):
        export.run(checkpoint=str(run_dir), data_dir="nowhere", output_dir=str(run_dir))


def test_export_refuses_what_it_cannot_do(call, tiny_file, tmp_path):
    settings = {"checkpoint": str(tiny_file), "output_dir": str(tmp_path / "out")}
    with pytest.raises(InputError, match="the image size is unknown: give `height` and `width`, or `dataset`"):
        export.run(**settings)
    with pytest.raises(InputError, match="holds the network 'tiny', not 'cn12'"):
        export.run(model="cn12", **settings)
    with pytest.raises(InputError, match="size 65 x 96 .* multiples of 8"):
        export.run(size=(65, 96), **settings)
    with pytest.raises(InputError, match="'cityscapes' has 19"):
        export.run(dataset="cityscapes", size=(64, 96), **settings)
    called = call(export, "--height=64", *(f"--{name}={value}" for name, value in settings.items()))
    assert (called.status, called.out) == (1, "")
    assert called.err == "error: --height and --width must be given together, or neither\n"


@pytest.mark.parametrize("figures", [Parity(0.002, 1.0, 1.0), Parity(0.0, 1.0, 0.998)])
def test_export_keeps_older_files_where_the_new_ones_are_wrong(tiny_file, tmp_path, monkeypatch, figures):
    older = tmp_path / "export" / "model.tflite"
    older.parent.mkdir()
    older.write_text("older")
    monkeypatch.setattr(parity, "check_parity", lambda path, network, images: figures)
    with pytest.raises(InputError, match=r"model.tflite: differs too much from the network"):
        export.run(checkpoint=str(tiny_file), output_dir=str(tmp_path), formats=("tflite",), size=(32, 32))
    assert [x.name for x in older.parent.iterdir()] == ["model.tflite"]
    assert older.read_text() == "older"


def test_an_onnx_file_is_exported_and_predicts(call, tiny_file, camvid_dir, tmp_path):
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package)
    run_dir = tmp_path / "run"
    settings = ("--format=onnx", "--dataset=camvid", "--image_type=float32", "--dynamic_size")
    called = call(export, f"--checkpoint={tiny_file}", f"--data_dir={camvid_dir}", f"--output_dir={run_dir}", *settings)
    assert called.status == 0, called.err
    file = run_dir / "export" / "model_float_image_any_size.onnx"
    assert f"{file}: " in called.out and "float32, RGB" in called.out and f"--checkpoint={file}" in called.out
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    # Of a TFLite file beside it, which had other classes: each file has its own metadata.
    classes = [{"name": f"class {index}", "color": [0, 0, 0]} for index in range(11)]
    file.with_suffix(".json").write_text(json.dumps({"image": {}, "classes": classes}))
    entry = read_results(run_dir).export.files[file.name]
    assert (entry.image_type, entry.label_parity) == ("float32", pytest.approx(1.0, abs=1e-3))
    for checkpoint, engine in ((file, ()), (run_dir, ("--engine=onnxruntime",))):
        place = f"--output_dir={tmp_path / 'out'}"
        called = call(predict, f"--checkpoint={checkpoint}", f"--data_dir={camvid_dir}", place, *engine)
        assert called.status == 0, called.err
        runtime = read_results(tmp_path / "out").runtime
        assert (runtime.engine, runtime.threads, runtime.size) == ("onnxruntime", 1, (64, 96))


def test_predict_on_a_split_measures_and_writes(call, exported_dir, camvid_dir, tmp_path):
    run_dir = tmp_path / "run"
    called = call(predict, f"--checkpoint={exported_dir}", f"--data_dir={camvid_dir}", f"--output_dir={run_dir}")
    assert called.status == 0
    assert "2 images" in called.out and "frames per second" in called.out and "mean IoU" in called.out
    runtime = read_results(run_dir).runtime
    assert (runtime.engine, runtime.threads, runtime.images) == ("litert", 1, 2)
    assert runtime.size == (64, 96)
    low, high = runtime.milliseconds_spread
    assert 0 < low <= runtime.milliseconds_median <= high
    assert runtime.frames_per_second == pytest.approx(1000 / runtime.milliseconds_median)

    assert sorted(x.name for x in (run_dir / "predictions").iterdir()) == [
        "p0_labels.png",
        "p0_overlay.png",
        "p1_labels.png",
        "p1_overlay.png",
    ]
    # The truth of image i is class i everywhere (see the fixture): measured again from what was written.
    matrix = ConfusionMatrix(11)
    for i in range(2):
        labels = cv2.imread(str(run_dir / "predictions" / f"p{i}_labels.png"), cv2.IMREAD_UNCHANGED)
        assert (labels.shape, labels.dtype) == ((64, 96), np.uint8)
        matrix.update(np.full((64, 96), i), labels)
    assert runtime.mean_iou == pytest.approx(matrix.mean_iou())


def test_predict_lays_the_class_colors_over_a_image(exported_dir, tmp_path):
    image = tmp_path / "frame.png"
    cv2.imwrite(str(image), np.full((50, 70, 3), (200, 100, 0), np.uint8))  # BGR
    section = predict.run(checkpoint=str(exported_dir), input=str(image), output_dir=str(tmp_path / "out"))
    assert section.mean_iou is None and section.images == 1
    assert not (tmp_path / "out" / "result.json").exists()
    folder = tmp_path / "out" / "predictions"
    labels = cv2.imread(str(folder / "frame_labels.png"), cv2.IMREAD_UNCHANGED)
    shown = cv2.imread(str(folder / "frame_overlay.png"))
    assert labels.shape == (50, 70) and shown.shape == (50, 70, 3)
    label = int(labels[20, 30])
    # CamVid's colors by train id, RGB; half of each and half of the image.
    colors = [
        (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0),
        (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
    ]  # fmt: skip
    red, green, blue = colors[label]
    expected = [(200 + blue) // 2, (100 + green) // 2, red // 2]
    assert shown[20, 30].tolist() == expected


def test_predict_takes_folders_and_patterns(exported_dir, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for name in ("a.png", "b.JPG", "c.png"):
        cv2.imwrite(str(folder / name), np.zeros((64, 96, 3), np.uint8))
    (folder / "notes.txt").write_text("no image")

    def predicted(pattern: str) -> list[str]:
        out = tmp_path / pattern.replace("/", "_").replace("*", "x")
        predict.run(checkpoint=str(exported_dir), input=pattern, output_dir=str(out))
        return sorted(x.name for x in (out / "predictions").glob("*_labels.png"))

    assert predicted(str(folder)) == ["a_labels.png", "b_labels.png", "c_labels.png"]
    assert predicted(f"{folder}/*.png") == ["a_labels.png", "c_labels.png"]


def test_several_images_at_once_are_the_same_images(exported_dir, camvid_dir, tmp_path):
    settings = {"checkpoint": str(exported_dir), "data_dir": str(camvid_dir)}
    one = predict.run(output_dir=str(tmp_path / "one"), **settings)
    two = predict.run(output_dir=str(tmp_path / "two"), workers=2, **settings)
    assert (one.workers, two.workers, two.milliseconds_median) == (1, 2, None)
    assert two.frames_per_second > 0 and two.mean_iou == one.mean_iou
    for path in (tmp_path / "one" / "predictions").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "predictions" / path.name).read_bytes()


def test_predict_with_a_saved_model(exported_dir, camvid_dir, network_file, tmp_path):
    settings = {"checkpoint": str(network_file), "dataset": "camvid", "size": (64, 96)}
    export.run(output_dir=str(tmp_path), formats=("saved_model",), **settings)
    section = predict.run(
        checkpoint=str(tmp_path / "export" / "saved_model"), data_dir=str(camvid_dir), engine="tensorflow",
        output_dir=str(tmp_path / "out"),
    )  # fmt: skip
    of_tflite = predict.run(checkpoint=str(exported_dir), data_dir=str(camvid_dir), output_dir=str(tmp_path / "tflite"))
    assert section.mean_iou == pytest.approx(of_tflite.mean_iou, abs=0.01)


_FOR_ONNX = "ONNX files; set `format=onnx`, or"
_FOR_INT8 = "int8 files; set `precision=int8`, or"


@pytest.mark.parametrize(
    ("name", "value", "formats", "rest"),
    [
        ("image_type", "float32", None, _FOR_ONNX),
        ("dynamic_batch", True, ("tflite",), _FOR_ONNX),
        ("dynamic_size", True, ("saved_model",), _FOR_ONNX),
        ("float_layers", ["classifier"], None, _FOR_INT8),
        ("float_layers", ["classifier"], ("onnx",), _FOR_INT8),
        ("calibration_images", 20, ("tflite",), _FOR_INT8),
        ("tiling", False, ("onnx",), "TFLite files; set `format=tflite`, or"),
        ("tiling", False, ("saved_model",), "TFLite files; set `format=tflite`, or"),
    ],
)
def test_settings_that_the_files_do_not_heed_are_refused_before_the_work(tmp_path, name, value, formats, rest):
    with pytest.raises(InputError, match=f"^`{name}`: applies only to {rest} leave it out$"):
        export.run(checkpoint="run", output_dir=str(tmp_path / "out"), formats=formats, **{name: value})
    assert not (tmp_path / "out").exists()


def test_the_command_after_an_export_is_for_any_folder(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3.12")
    command = export.predict_command("my runs/model.tflite")
    assert command == (
        "python -m experiments.predict --checkpoint='my runs/model.tflite' --input=IMAGE --output_dir=FOLDER"
    )


def test_predict_with_the_network_itself(call, run_dir):
    called = call(predict, f"--checkpoint={run_dir}", f"--output_dir={run_dir}", "--engine=tensorflow")
    assert "\nmean IoU of the network: " in called.out, called.err
    section = read_results(run_dir).runtime
    assert (section.engine, section.threads, section.images) == ("tensorflow", None, 2)
    assert read_results(run_dir).flags["predict"]["dataset"] == "camvid"


def test_predict_refuses_what_it_cannot_do(exported_dir, run_dir, tmp_path):
    settings = {"checkpoint": str(exported_dir), "output_dir": str(tmp_path / "out")}
    (tmp_path / "empty").mkdir()
    for pattern, reason in (
        ("absent.png", "there is no such file or folder"),
        (str(tmp_path / "empty"), "no images found"),
        (f"{tmp_path}/*.gif", "no images found"),
    ):
        with pytest.raises(InputError, match=reason):
            predict.run(input=pattern, **settings)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match="text.png: is not an image of a supported format"):
        predict.run(input=str(tmp_path / "text.png"), **settings)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "frame.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="two/frame.png: has the same name as .*one/frame.png; .* one folder"):
        predict.run(input=f"{tmp_path}/*/frame.png", **settings)
    cv2.imwrite(str(tmp_path / "two" / "frame.jpg"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"frame.png: has the same name as .*; .* one kind, such as '\*.png',"):
        predict.run(input=f"{tmp_path}/two", **settings)
    (tmp_path / "two").rename(tmp_path / "predictions")
    with pytest.raises(InputError, match="predictions/frame.png: is in the output folder and might be replaced"):
        predict.run(input=f"{tmp_path}/predictions/*.png", **settings | {"output_dir": str(tmp_path)})
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError, match="text.mp4: is neither an image nor a video that can be read"):
        predict.run(input=str(tmp_path / "text.mp4"), **settings)
    with pytest.raises(InputError, match="camera 97: cannot be opened; is it connected"):
        predict.run(input="97", **settings)
    with pytest.raises(InputError, match="camera 99999999999: cannot be opened; is it connected"):
        predict.run(input="99999999999", **settings)
    with pytest.raises(InputError, match="'cityscapes' has 19"):
        predict.run(input=str(tmp_path), dataset="cityscapes", **settings)
    with pytest.raises(InputError, match="holds no export/model.tflite; run experiments.export first"):
        predict.run(checkpoint=str(run_dir), output_dir=str(tmp_path / "out"))
    with pytest.raises(InputError, match="absent.tflite: is not a file"):
        predict.run(checkpoint="absent.tflite", output_dir=str(tmp_path / "out"))
    with pytest.raises(InputError, match="nowhere: is not a folder"):
        predict.run(data_dir="nowhere", **settings)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/predictions: cannot be written as a folder"):
        predict.run(checkpoint=str(exported_dir), input=str(tmp_path / "one"), output_dir=f"{tmp_path}/file")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_image_too_large_to_be_padded_is_named(exported_dir, tmp_path, workers):
    for name, height in (("a.png", 64), ("b.png", 64), ("large.png", 640)):
        cv2.imwrite(str(tmp_path / name), np.zeros((height, 96, 3), np.uint8))
    with pytest.raises(InputError, match="^large: an image of 640 x 96 .* cannot be padded"):
        predict.run(
            checkpoint=str(exported_dir / "export" / "model.tflite"), input=str(tmp_path), resize_mode="pad",
            output_dir=str(tmp_path / "out"), workers=workers,
        )  # fmt: skip
    assert (tmp_path / "out" / "predictions" / "b_labels.png").exists()


def test_a_file_that_names_no_data_set_needs_one(tiny_file, tmp_path):
    export.run(checkpoint=str(tiny_file), output_dir=str(tmp_path), formats=("tflite",), size=(32, 32))
    cv2.imwrite(str(tmp_path / "frame.png"), np.zeros((32, 32, 3), np.uint8))
    settings = {"input": str(tmp_path / "frame.png"), "output_dir": str(tmp_path / "out")}
    with pytest.raises(InputError, match="no result.json beside it records a dataset; set --dataset=..."):
        predict.run(checkpoint=str(tmp_path / "export" / "model.tflite"), **settings)
    predict.run(checkpoint=str(tmp_path / "export" / "model.tflite"), dataset="camvid", **settings)
    assert (tmp_path / "out" / "predictions" / "frame_labels.png").exists()
