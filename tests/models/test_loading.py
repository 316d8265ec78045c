"""Reading a trained network back, and what cannot be read."""

import inspect
import pathlib
import re

import keras
import numpy as np
import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.models import loading
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> pathlib.Path:
    """The folder of a run that holds the smallest thing that counts as a network of 5 classes."""
    folder = tmp_path_factory.mktemp("run")
    image = keras.Input((None, None, 3))
    logits = keras.layers.Conv2D(5, 1)(image)
    keras.Model(image, {"main": logits}, name="cn14").save(folder / "best.keras")
    return folder


def test_the_folder_of_a_run_means_its_best_network(run):
    image = np.ones((1, 2, 2, 3), np.float32)
    from_folder, from_file = load_network(run), load_network(str(run / "best.keras"))
    assert from_folder.name == from_file.name == "cn14"
    np.testing.assert_array_equal(from_folder(image)["main"], from_file(image)["main"])


def test_the_suffix_may_be_in_capitals(run, tmp_path, monkeypatch):
    (tmp_path / "NETWORK.KERAS").write_bytes((run / "best.keras").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert load_network("NETWORK.KERAS", model="cn14", num_classes=5).name == "cn14"


def test_a_saved_contextnet_gives_the_same_numbers(tmp_path):
    network = build_model("cn14", num_classes=4, input_shape=(None, None, 3))
    network.save(tmp_path / "network.keras")
    loaded = load_network(tmp_path / "network.keras", model="cn14", num_classes=4)
    image = np.random.default_rng(0).random((1, 32, 64, 3), np.float32)
    np.testing.assert_array_equal(loaded(image)["main"], network(image)["main"])
    assert not loaded.compiled


def test_another_network_or_number_of_classes_than_needed(run):
    with pytest.raises(InputError, match=r"best.keras: holds the network 'cn14', not 'cn18'"):
        load_network(run, model="cn18")
    with pytest.raises(InputError, match="has 5 classes, 19 are needed"):
        load_network(run, model="cn14", num_classes=19)
    assert load_network(run, model="cn14", num_classes=5).name == "cn14"


def test_missing_files(tmp_path):
    with pytest.raises(InputError, match=r"absent.keras: does not exist"):
        load_network(tmp_path / "absent.keras")
    with pytest.raises(InputError, match="holds no best.keras"):
        load_network(tmp_path)


def test_files_that_are_no_network(run, tmp_path):
    whole = (run / "best.keras").read_bytes()
    (tmp_path / "text.keras").write_text("not a network")
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "named.h5").write_bytes(whole)
    for name in ("text.keras", "cut.keras", "named.h5"):
        with pytest.raises(InputError, match=f"{name}: is not a .keras file, or is truncated"):
            load_network(tmp_path / name)

    (tmp_path / "damaged.keras").write_bytes(whole.replace(b'{"module"', b"{nonsense"))
    with pytest.raises(InputError, match="damaged.keras: cannot be loaded as a network") as raised:
        load_network(tmp_path / "damaged.keras")
    assert "\n" not in str(raised.value)

    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "foreign.keras")
    with pytest.raises(InputError, match="foreign.keras: is a Keras file, but not a segmentation network"):
        load_network(tmp_path / "foreign.keras")


def test_code_in_a_file_is_refused(tmp_path):
    image = keras.Input((2, 2, 3))
    outputs = {"main": keras.layers.Lambda(lambda x: x)(image)}
    keras.Model(image, outputs).save(tmp_path / "lambda.keras")
    with pytest.raises(InputError, match=r"lambda.keras: cannot be loaded as a network \(it has a Lambda layer,"):
        load_network(tmp_path / "lambda.keras")


def test_classes_that_are_not_loaded_are_named(tmp_path):
    class Own(keras.layers.Layer):
        def call(self, image):
            return image

    image = keras.Input((2, 2, 3))
    keras.Model(image, {"main": Own()(image)}).save(tmp_path / "own.keras")
    with pytest.raises(InputError, match=r"own.keras: cannot be loaded as a network \(it needs Own, which is neither"):
        load_network(tmp_path / "own.keras")


@pytest.mark.parametrize("shapes", [[(None, None, 1)], [(None, None, 3), (4,)]], ids=["gray images", "two inputs"])
def test_networks_for_other_inputs_are_refused(shapes, tmp_path):
    inputs = [keras.Input(shape) for shape in shapes]
    keras.Model(inputs, {"main": keras.layers.Conv2D(5, 1)(inputs[0])}).save(tmp_path / "other.keras")
    with pytest.raises(InputError, match=r"other.keras: network '.*': is not a segmentation network, which takes one"):
        load_network(tmp_path / "other.keras")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(value, run, tmp_path):
    network = load_network(run)
    network.weights[1].assign(np.array([0, 0, value, 0, 0], np.float32))
    network.save(tmp_path / "diverged.keras")
    with pytest.raises(InputError, match=r"diverged.keras: network 'cn14': weights of conv2d\w*/bias are not finite"):
        load_network(tmp_path / "diverged.keras")


def test_every_registered_class_is_known_to_the_loader():
    library = pathlib.Path(loading.__file__).parents[1]
    registering = {
        path.stem
        for path in library.rglob("*.py")
        if "@keras.saving.register_keras_serializable" in path.read_text(encoding="utf-8")
    }
    imported = re.search(r"from contextnet_tf.models import (.*)  # noqa: F401", inspect.getsource(loading))
    assert registering == set(imported[1].split(", "))
