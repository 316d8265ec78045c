"""Every documented argument of the public functions, wrong once: an InputError of one line that says what is wrong."""

import keras
import numpy as np
import pytest
from folders import write_camvid
from tiny_network import TINY

import contextnet_tf as cn
from contextnet_tf.errors import InputError

IMAGE = np.zeros((32, 32, 3), np.uint8)
LOGITS = np.zeros((2, 3, 4), np.float32)


class Context:
    """What the calls below need: small networks, files and folders."""

    def __init__(self, folder):
        self.folder = folder
        self.network = cn.build_model(TINY, num_classes=3, input_shape=(32, 32, 3))
        self.free = cn.build_model(TINY, num_classes=3, input_shape=(None, None, 3))
        self.classifier = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])  # of another form
        self.two_inputs = _of_two_inputs()
        self.camvid = write_camvid(folder)
        self.dataset = cn.get_dataset("camvid")
        self.eleven = cn.build_model(TINY, num_classes=11, input_shape=(None, None, 3))
        self.examples = self.dataset.list_examples(self.camvid, "train")
        self.run = folder / "run"
        self.text = folder / "text.tflite"
        self.text.write_text("no network")
        cn.export_tflite(self.network, folder / "model.tflite")
        self.file = folder / "model.tflite"
        self.calibration = [IMAGE, IMAGE + 255]
        (folder / "file").write_text("")


def _of_two_inputs() -> keras.Model:
    a, b = keras.Input((32, 32, 3)), keras.Input((32, 32, 3))
    small = keras.layers.Conv2D(3, 8, strides=8)(keras.layers.Add()([a, b]))
    return keras.Model([a, b], {"main": keras.layers.UpSampling2D(8, interpolation="bilinear")(small)})


@pytest.fixture(scope="module")
def c(tmp_path_factory):
    return Context(tmp_path_factory.mktemp("context"))


# Name -> a call. The names appear in the reports of failed tests.
CALLS = {
    "build_model name": lambda c: cn.build_model("resnet"),
    "build_model name of another type": lambda c: cn.build_model(14),
    "build_model width": lambda c: cn.build_model("cn14x0"),
    "build_model num_classes": lambda c: cn.build_model("cn14", num_classes=0),
    "build_model num_classes text": lambda c: cn.build_model("cn14", num_classes="19"),
    "build_model num_classes float": lambda c: cn.build_model("cn14", num_classes=2.5),
    "build_model input_shape": lambda c: cn.build_model("cn14", input_shape=(100, 100, 3)),
    "build_model input_shape of two": lambda c: cn.build_model("cn14", input_shape=(64, 64)),
    "build_model input_shape text": lambda c: cn.build_model("cn14", input_shape="64x64"),
    "build_model input_shape of text": lambda c: cn.build_model("cn14", input_shape=("64", "64", 3)),
    "build_model input_shape gray": lambda c: cn.build_model("cn14", input_shape=(64, 64, 1)),
    "count_parameters model": lambda c: cn.count_parameters("cn14"),
    "count_multiply_adds model": lambda c: cn.count_multiply_adds(None),
    "count_multiply_adds size": lambda c: cn.count_multiply_adds(c.free),
    "count_multiply_adds input_size": lambda c: cn.count_multiply_adds(c.free, "64x64"),
    "count_multiply_adds input_size of one": lambda c: cn.count_multiply_adds(c.free, (64,)),
    "count_multiply_adds input_size zero": lambda c: cn.count_multiply_adds(c.free, (0, 64)),
    "widened factor": lambda c: TINY.widened(0),
    "widened factor text": lambda c: TINY.widened("2"),
    "widened factor nan": lambda c: TINY.widened(float("nan")),
    "load_preset name": lambda c: cn.load_preset("cn99"),
    "load_preset name of another type": lambda c: cn.load_preset(3),
    "load_preset name with a path": lambda c: cn.load_preset("../presets/cn14-camvid"),
    "load_network path": lambda c: cn.load_network(c.folder / "absent"),
    "load_network folder": lambda c: cn.load_network(c.folder),
    "load_network text": lambda c: cn.load_network(c.text),
    "load_network list of files as one text": lambda c: cn.load_network(300 * "a"),
    "load_network number": lambda c: cn.load_network(3),
    "load_network none": lambda c: cn.load_network(None),
    "get_dataset name": lambda c: cn.get_dataset("kitti"),
    "get_dataset name of another type": lambda c: cn.get_dataset(3),
    "get_dataset class_table": lambda c: cn.get_dataset("folder", "classes.json"),
    "get_dataset class_table list": lambda c: cn.get_dataset("folder", [1]),
    "ConfusionMatrix num_classes": lambda c: cn.ConfusionMatrix(0),
    "ConfusionMatrix num_classes text": lambda c: cn.ConfusionMatrix("3"),
    "ConfusionMatrix ignore_label": lambda c: cn.ConfusionMatrix(3, ignore_label=2),
    "ConfusionMatrix ignore_label text": lambda c: cn.ConfusionMatrix(3, ignore_label="255"),
    "ConfusionMatrix labels": lambda c: cn.ConfusionMatrix(3).update(np.array([3]), np.array([0])),
    "ConfusionMatrix predictions": lambda c: cn.ConfusionMatrix(3).update(np.array([0]), np.array([7])),
    "ConfusionMatrix shapes": lambda c: cn.ConfusionMatrix(3).update(np.array([0]), np.array([0, 1])),
    "ConfusionMatrix floats": lambda c: cn.ConfusionMatrix(3).update(np.array([0.5]), np.array([0.5])),
    "fold_batch_norm model": lambda c: cn.fold_batch_norm("cn14"),
    "prune_filters model": lambda c: cn.prune_filters(3, TINY),
    "prune_filters spec": lambda c: cn.prune_filters(c.network, "cn14"),
    "prune_filters wider": lambda c: cn.prune_filters(c.network, TINY.widened(2)),
    "pruning_groups model": lambda c: cn.pruning_groups("cn14"),
    "ensemble one": lambda c: cn.ensemble([c.network]),
    "ensemble network": lambda c: cn.ensemble(c.network),
    "ensemble names": lambda c: cn.ensemble(["cn14", "cn18"]),
    "ensemble number": lambda c: cn.ensemble(3),
    "ensemble other form": lambda c: cn.ensemble([c.network, c.classifier]),
    "zero_branch model": lambda c: cn.zero_branch("cn14", "detail"),
    "zero_branch branch": lambda c: cn.zero_branch(c.network, "depth"),
    "zero_branch branch of another type": lambda c: cn.zero_branch(c.network, 3),
    "zero_branch other form": lambda c: cn.zero_branch(c.classifier, "detail"),
    "export_saved_model model": lambda c: cn.export_saved_model("cn14", c.folder / "out"),
    "export_saved_model other form": lambda c: cn.export_saved_model(c.classifier, c.folder / "out"),
    "export_saved_model two inputs": lambda c: cn.export_saved_model(c.two_inputs, c.folder / "out"),
    "export_saved_model path": lambda c: cn.export_saved_model(c.network, 3),
    "export_saved_model path below a file": lambda c: cn.export_saved_model(c.network, c.folder / "file" / "out"),
    "export_saved_model path is a file": lambda c: cn.export_saved_model(c.network, c.folder / "file"),
    "export_saved_model size": lambda c: cn.export_saved_model(c.free, c.folder / "out"),
    "export_saved_model size text": lambda c: cn.export_saved_model(c.free, c.folder / "out", size="32x32"),
    "export_saved_model dataset": lambda c: cn.export_saved_model(c.network, c.folder / "out", dataset="camvid"),
    "export_saved_model notes": lambda c: cn.export_saved_model(c.network, c.folder / "out", notes={"a": object()}),
    "export_tflite model": lambda c: cn.export_tflite("cn14", c.folder / "out.tflite"),
    "export_tflite other form": lambda c: cn.export_tflite(c.classifier, c.folder / "out.tflite"),
    "export_tflite two inputs": lambda c: cn.export_tflite(c.two_inputs, c.folder / "out.tflite"),
    "export_tflite path": lambda c: cn.export_tflite(c.network, None),
    "export_tflite path is a folder": lambda c: cn.export_tflite(c.network, c.folder),
    "export_tflite precision": lambda c: cn.export_tflite(c.network, c.folder / "out.tflite", "int4"),
    "export_tflite precision list": lambda c: cn.export_tflite(c.network, c.folder / "out.tflite", ["int8"]),
    "export_tflite size": lambda c: cn.export_tflite(c.free, c.folder / "out.tflite", size=(33, 32)),
    "export_tflite size of text": lambda c: cn.export_tflite(c.free, c.folder / "out.tflite", size=("32", "32")),
    "export_tflite size of one": lambda c: cn.export_tflite(c.free, c.folder / "out.tflite", size=(32,)),
    "export_tflite size number": lambda c: cn.export_tflite(c.free, c.folder / "out.tflite", size=32),
    "export_tflite size float": lambda c: cn.export_tflite(c.free, c.folder / "out.tflite", size=(32.0, 32.5)),
    "export_tflite size negative": lambda c: cn.export_tflite(c.free, c.folder / "out.tflite", size=(-32, 32)),
    "export_tflite output": lambda c: cn.export_tflite(c.network, c.folder / "out.tflite", output="boxes"),
    "export_tflite calibration": lambda c: cn.export_tflite(c.network, c.folder / "out.tflite", "int8"),
    "export_tflite calibration generator": lambda c: cn.export_tflite(
        c.network, c.folder / "out.tflite", "int8", calibration=(x for x in c.calibration[:1])
    ),
    "export_tflite calibration number": lambda c: cn.export_tflite(
        c.network, c.folder / "out.tflite", "int8", calibration=5
    ),
    "export_tflite calibration paths": lambda c: cn.export_tflite(
        c.network, c.folder / "out.tflite", "int8", calibration=["a.png", "b.png"]
    ),
    "export_tflite calibration floats": lambda c: cn.export_tflite(
        c.network, c.folder / "out.tflite", "int8", calibration=[IMAGE / 255.0] * 2
    ),
    "export_tflite calibration size": lambda c: cn.export_tflite(
        c.network, c.folder / "out.tflite", "int8", calibration=[IMAGE[:16]] * 2
    ),
    "export_tflite calibration black": lambda c: cn.export_tflite(
        c.network, c.folder / "out.tflite", "int8", calibration=[IMAGE, IMAGE]
    ),
    "export_tflite float_layers": lambda c: cn.export_tflite(
        c.network, c.folder / "out.tflite", "int8", calibration=c.calibration, float_layers=["absent"]
    ),
    "export_tflite float_layers number": lambda c: cn.export_tflite(
        c.network, c.folder / "out.tflite", "int8", calibration=c.calibration, float_layers=3
    ),
    "export_tflite float_layers for float": lambda c: cn.export_tflite(
        c.network, c.folder / "out.tflite", float_layers=["classifier"]
    ),
    "export_tflite dataset": lambda c: cn.export_tflite(c.network, c.folder / "out.tflite", dataset=c.dataset),
    "export_tflite dataset name": lambda c: cn.export_tflite(c.network, c.folder / "out.tflite", dataset="camvid"),
    "export_tflite notes": lambda c: cn.export_tflite(c.network, c.folder / "out.tflite", notes={"nan": float("nan")}),
    "export_tflite notes list": lambda c: cn.export_tflite(c.network, c.folder / "out.tflite", notes=[1]),
    "export_onnx model": lambda c: cn.export_onnx("cn14", c.folder / "out.onnx"),
    "export_onnx path": lambda c: cn.export_onnx(c.network, 3),
    "export_onnx image_type": lambda c: cn.export_onnx(c.network, c.folder / "out.onnx", image_type="int8"),
    "export_onnx output": lambda c: cn.export_onnx(c.network, c.folder / "out.onnx", output="boxes"),
    "export_onnx size": lambda c: cn.export_onnx(c.free, c.folder / "out.onnx", size="32x32"),
    "export_onnx two sizes": lambda c: cn.export_onnx(c.free, c.folder / "out.onnx", size=(32, 32), dynamic_size=True),
    "export_onnx other form": lambda c: cn.export_onnx(c.classifier, c.folder / "out.onnx"),
    "export_onnx notes": lambda c: cn.export_onnx(c.network, c.folder / "out.onnx", notes={"a": object()}),
    "upsample_argmax logits": lambda c: cn.upsample_argmax([[1.0]], 8),
    "upsample_argmax logits of integers": lambda c: cn.upsample_argmax(LOGITS.astype(int), 8),
    "upsample_argmax size": lambda c: cn.upsample_argmax(LOGITS, 0),
    "upsample_argmax size text": lambda c: cn.upsample_argmax(LOGITS, "8"),
    "upsample_argmax size of one": lambda c: cn.upsample_argmax(LOGITS, (8,)),
    "upsample_argmax size of text": lambda c: cn.upsample_argmax(LOGITS, ("8", "8")),
    "upsample_argmax size float": lambda c: cn.upsample_argmax(LOGITS, 8.5),
    "upsample_argmax size of floats": lambda c: cn.upsample_argmax(LOGITS, (8.5, 8.0)),
    "upsample_argmax size none": lambda c: cn.upsample_argmax(LOGITS, None),
    "upsample_argmax size bool": lambda c: cn.upsample_argmax(LOGITS, True),
    "Segmenter path": lambda c: cn.Segmenter(c.folder / "absent.tflite"),
    "Segmenter path is a folder": lambda c: cn.Segmenter(c.folder),
    "Segmenter path of text": lambda c: cn.Segmenter(c.text),
    "Segmenter list of files as one text": lambda c: cn.Segmenter(300 * "a"),
    "Segmenter onnx list of files as one text": lambda c: cn.Segmenter(300 * "a", engine="onnxruntime"),
    "Segmenter none": lambda c: cn.Segmenter(None),
    "Segmenter model": lambda c: cn.Segmenter(c.network, engine="litert"),
    "Segmenter number": lambda c: cn.Segmenter(3),
    "Segmenter tensorflow path": lambda c: cn.Segmenter(c.folder / "absent.keras", engine="tensorflow"),
    "Segmenter tensorflow folder": lambda c: cn.Segmenter(c.folder, engine="tensorflow"),
    "Segmenter tensorflow tflite": lambda c: cn.Segmenter(c.file, engine="tensorflow"),
    "Segmenter tensorflow other form": lambda c: cn.Segmenter(c.classifier, engine="tensorflow"),
    "Segmenter tensorflow two inputs": lambda c: cn.Segmenter(c.two_inputs, engine="tensorflow"),
    "Segmenter num_threads": lambda c: cn.Segmenter(c.file, num_threads="2"),
    "Segmenter num_threads huge": lambda c: cn.Segmenter(c.file, num_threads=10**12),
    "Segmenter engine": lambda c: cn.Segmenter(c.file, engine="abacus"),
    "Segmenter engine list": lambda c: cn.Segmenter(c.file, engine=["litert"]),
    "Segmenter resize_mode": lambda c: cn.Segmenter(c.file, resize_mode="crop"),
    "Segmenter resize_mode list": lambda c: cn.Segmenter(c.file, resize_mode=["pad"]),
    "segment image": lambda c: cn.Segmenter(c.file).segment("a.png"),
    "segment gray": lambda c: cn.Segmenter(c.file).segment(IMAGE[..., 0]),
    "segment floats": lambda c: cn.Segmenter(c.file).segment(IMAGE / 255.0),
    "segment empty": lambda c: cn.Segmenter(c.file).segment(IMAGE[:0]),
    "stream workers": lambda c: cn.Segmenter(c.file).stream([IMAGE], workers=0),
    "stream frames": lambda c: list(cn.Segmenter(c.file).stream(3)),
    "stream frames not pipelined": lambda c: list(cn.Segmenter(c.file).stream(3, pipelined=False)),
    "stream frames of paths": lambda c: list(cn.Segmenter(c.file).stream(["a.png"])),
    "stream one image": lambda c: list(cn.Segmenter(c.file).stream(IMAGE)),
    "train model": lambda c: cn.train("cn14", cn.PAPER, c.dataset, [], output_dir=c.folder / "run"),
    "train recipe": lambda c: cn.train(c.free, "paper", c.dataset, [], output_dir=c.folder / "run"),
    "train dataset": lambda c: cn.train(c.free, cn.PAPER, "camvid", [], output_dir=c.folder / "run"),
    "train classes": lambda c: cn.train(c.free, cn.PAPER, c.dataset, [], output_dir=c.folder / "run"),
    "train output_dir": lambda c: cn.train(c.free, cn.PAPER, c.dataset, [], output_dir=3),
    "train crop_size": lambda c: cn.train(
        c.eleven, cn.PAPER, c.dataset, c.examples, output_dir=c.run, crop_size="64x96"
    ),
    "train seed": lambda c: cn.train(c.eleven, cn.PAPER, c.dataset, c.examples, output_dir=c.run, seed="1"),
    "train seed negative": lambda c: cn.train(c.eleven, cn.PAPER, c.dataset, c.examples, output_dir=c.run, seed=-1),
    "train train_examples": lambda c: cn.train(c.eleven, cn.PAPER, c.dataset, ["a.png"], output_dir=c.run),
    "train val_examples": lambda c: cn.train(c.eleven, cn.PAPER, c.dataset, c.examples, 3, output_dir=c.run),
    "evaluate examples": lambda c: cn.evaluate(c.network, c.dataset, "a.png"),
    "evaluate examples of paths": lambda c: cn.evaluate(c.network, c.dataset, ["a.png"]),
    "evaluate nothing": lambda c: cn.evaluate(c.network, c.dataset, []),
    "evaluate dataset": lambda c: cn.evaluate(c.network, "camvid", []),
    "evaluate network": lambda c: cn.evaluate("cn14", c.dataset, []),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_argument_is_one_line(c, name):
    with pytest.raises(InputError) as raised:
        CALLS[name](c)
    assert "\n" not in str(raised.value) and len(str(raised.value)) > 15


def test_nothing_is_left_of_refused_exports(c):
    assert not list(c.folder.glob("out*")) and not list(c.folder.glob(".*"))
