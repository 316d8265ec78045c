"""The JSON beside an exported file: damage, other files' JSON, wrong types, and files without one."""

import json
import shutil

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.deployment.engines import tflite_file
from contextnet_tf.deployment.export import export_saved_model, export_tflite
from contextnet_tf.deployment.parity import check_parity
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError


def network(size, num_classes=3) -> keras.Model:
    image = keras.Input((*size, 3))
    small = keras.layers.Conv2D(num_classes, 8, strides=8, name="classifier")(image)
    return keras.Model(image, {"main": keras.layers.UpSampling2D(8, interpolation="bilinear", name="main")(small)})


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Files for roads and organs of several sizes and outputs."""
    folder = tmp_path_factory.mktemp("exported")
    roads, organs = (
        get_dataset("folder", {"classes": [{"name": x} for x in names]})
        for names in (("road", "car", "sky"), ("liver", "spleen", "kidney"))
    )
    keras.utils.set_random_seed(0)
    export_tflite(network((16, 24)), folder / "roads.tflite", dataset=roads)
    export_tflite(network((16, 24)), folder / "organs.tflite", dataset=organs)
    export_tflite(network((32, 24)), folder / "large.tflite", dataset=roads)
    export_tflite(network((16, 24), 4), folder / "four.tflite")
    export_tflite(network((16, 24)), folder / "labels.tflite", output="labels")
    export_saved_model(network((16, 24)), folder / "saved_model", dataset=roads)
    return folder


@pytest.fixture
def copied(exported, tmp_path):
    """Copies the file `name` to model.tflite, with the JSON of `described` with changes."""

    def copy(name, described=None, **changes):
        shutil.copy(exported / f"{name}.tflite", tmp_path / "model.tflite")
        if described:
            metadata = json.loads((exported / f"{described}.json").read_text())
            image = metadata["image"] | changes.pop("image", {})
            (tmp_path / "model.json").write_text(json.dumps(metadata | {"image": image} | changes))
        return tmp_path / "model.tflite"

    return copy


@pytest.mark.parametrize("name", ["roads", "labels"])
def test_every_damage_is_seen(copied, name):
    path = copied(name, name)
    content = path.read_bytes()
    assert Segmenter(path).metadata["sha256"]

    @settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(8, len(content) - 1))
    def damaged(place):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(
            InputError, match="model.tflite: (is damaged, or .*model.json belongs|cannot be used|takes)"
        ):
            Segmenter(path)

    damaged()


def test_a_damaged_file_never_reaches_the_interpreter(copied, monkeypatch):
    """It trusts what it reads: damage may end the process."""
    path = copied("roads", "roads")
    content = path.read_bytes()
    path.write_bytes(content[:400] + bytes(64) + content[464:])
    monkeypatch.setattr("ai_edge_litert.interpreter.Interpreter", lambda **_: pytest.fail("was started"))
    with pytest.raises(InputError, match="model.tflite: is damaged, or "):
        Segmenter(path)


def test_damage_that_shows_while_the_file_runs_is_one_line(copied, monkeypatch):
    segmenter = Segmenter(copied("roads"))  # without a JSON, whose digest would show it
    monkeypatch.setattr(segmenter._engine, "_run", lambda images: int("Input tensor 276 lacks data"))
    with pytest.raises(InputError, match=r"model.tflite: cannot be used \(.*lacks data.*\); export the network again"):
        segmenter.segment(np.zeros((16, 24, 3), np.uint8))


@pytest.mark.parametrize(
    ("name", "described", "message"),
    [
        ("roads", "organs", "model.tflite: is damaged, or .*model.json belongs to another file"),
        ("roads", "large", r"(image size is \[32, 24\]|is damaged, or .* belongs to another file)"),
    ],
)
def test_a_json_of_another_file_is_refused(copied, name, described, message):
    with pytest.raises(InputError, match=message):
        Segmenter(copied(name, described))


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ("large", r"its image size is \[32, 24\], that of .*model.tflite is \[16, 24\]"),
        ("four", "its number of classes is 4, that of .*model.tflite is 3"),
        ("labels", "its output factor is 1, that of .*model.tflite is 8"),
    ],
)
def test_an_older_json_without_digest_is_compared_with_the_file(exported, tmp_path, described, message):
    shutil.copy(exported / "roads.tflite", tmp_path / "model.tflite")
    metadata = json.loads((exported / f"{described}.json").read_text())
    del metadata["sha256"]
    (tmp_path / "model.json").write_text(json.dumps(metadata))
    with pytest.raises(InputError, match=f"model.json: belongs to another file: {message}"):
        Segmenter(tmp_path / "model.tflite")
    metadata = json.loads((exported / "organs.json").read_text())
    del metadata["sha256"]
    (tmp_path / "model.json").write_text(json.dumps(metadata))
    assert Segmenter(tmp_path / "model.tflite").metadata["classes"][0]["name"] == "liver"  # as far as one can tell


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"image": {"size_multiple": None}}, "size_multiple"),
        ({"image": {"size_multiple": 0}}, "size_multiple"),
        ({"image": {"size": "16 x 24"}}, "size"),
        ({"image": {"size": [16, 24.0]}}, "size"),
        ({"image": {"size": None}}, "size"),
        ({"num_classes": True}, "num_classes"),
        ({"num_classes": "3"}, "num_classes"),
        ({"classes": {"road": 1}}, "classes"),
        ({"classes": [{"name": "road", "color": [1, 2, 3]}]}, "classes"),  # one for three
        ({"classes": [{"name": x, "color": [1, 2, 256]} for x in "abc"]}, "classes"),
        ({"classes": [{"name": 1, "color": [1, 2, 3]}] * 3}, "classes"),
        ({"output": "boxes"}, "output"),
        ({"output_factor": 1.5}, "output_factor"),
        ({"dataset": 3}, "dataset"),
        ({"class_table": []}, "class_table"),
        ({"sha256": 1}, "sha256"),
    ],
)
def test_values_of_another_type_are_refused(copied, changes, named):
    with pytest.raises(
        InputError, match=f"model.json: the value of '{named}' is not of the kind that the export writes"
    ):
        Segmenter(copied("roads", "roads", **changes))


def test_a_file_without_json_works_and_says_so_once(copied, caplog):
    tflite_file._say_once.cache_clear()
    path = copied("roads")
    for _ in range(2):
        assert Segmenter(path).metadata == {}
    assert [x.split(": ")[1] for x in caplog.messages] == ["no model.json beside it names its classes and colors"]


def test_a_saved_model_with_the_json_of_another(exported, tmp_path):
    shutil.copytree(exported / "saved_model", tmp_path / "saved_model")
    shutil.copy(exported / "large.json", tmp_path / "saved_model" / "model.json")
    with pytest.raises(InputError, match=r"model.json: belongs to another file: its image size is \[32, 24\]"):
        Segmenter(tmp_path / "saved_model", engine="tensorflow")


def test_networks_that_compute_no_numbers_are_refused(tmp_path):
    diverged = network((16, 24))
    kernel = diverged.get_layer("classifier").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    for export in (export_tflite, export_saved_model):
        with pytest.raises(InputError, match="weights of classifier/kernel are not finite; training diverged"):
            export(diverged, tmp_path / "model.tflite")
    large = network((16, 24))
    large.get_layer("classifier").kernel.assign(np.full(kernel.shape, 3e38))  # finite, and their sums are not
    export_tflite(large, tmp_path / "model.tflite")
    with pytest.raises(InputError, match="its logits are not finite"):
        check_parity(tmp_path / "model.tflite", large, np.full((1, 16, 24, 3), 255, np.uint8))


def test_more_classes_than_labels_can_hold_are_refused(tmp_path):
    for output in ("logits", "labels", "probabilities"):
        with pytest.raises(InputError, match="has 257 classes; labels are uint8: at most 256 are possible"):
            export_tflite(network((16, 24), 257), tmp_path / "model.tflite", output=output)
    with pytest.raises(InputError, match="has 257 classes"):
        export_saved_model(network((16, 24), 257), tmp_path / "saved_model")
    with pytest.raises(InputError, match="257 classes"):
        Segmenter(network((16, 24), 257), engine="tensorflow").segment(np.zeros((16, 24, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
