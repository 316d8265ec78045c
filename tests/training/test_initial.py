"""Initial weights: which layers get them, which keep theirs, and what is refused."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
from tiny_network import TINY

from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model
from contextnet_tf.training.checkpoints import Checkpoints, model_variables
from contextnet_tf.training.initial import initialize_from

DEEPER = dataclasses.replace(TINY, context_rows=(*TINY.context_rows, ("bottleneck", 1, 8, 1, 1)))
GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "run"


def _network(spec=TINY, *, num_classes=11, aux_head=True, seed=1):
    keras.utils.set_random_seed(seed)
    return build_model(spec, num_classes=num_classes, input_shape=(None, None, 3), aux_head=aux_head)


def _values(model):
    return {path: x.numpy().copy() for path, x in model_variables(model).items() if "seed_generator" not in path}


def test_all_weights_of_the_same_network_are_copied():
    source, model = _network(seed=1), _network(seed=2)
    source.get_layer("detail_conv1_bn").moving_mean.assign(np.full(8, 0.5))
    matched = initialize_from(model, source)
    before = _values(source)
    for path, value in _values(model).items():
        np.testing.assert_array_equal(value, before[path], err_msg=path)
    assert {"detail_conv1", "detail_conv1_bn", "classifier", "aux_classifier"} <= set(matched.copied)
    assert (matched.reinitialized, matched.missing, matched.unused) == ((), (), ())
    assert str(matched) == f"initial weights of the network tiny: {len(matched.copied)} layers copied"


def test_another_number_of_classes_leaves_the_classifiers_random():
    source, model = _network(num_classes=19, seed=1), _network(num_classes=11, seed=2)
    before, own = _values(source), _values(model)
    matched = initialize_from(model, source)
    assert set(matched.reinitialized) == {"classifier", "aux_classifier"}
    for path, value in _values(model).items():
        expected = own if path.split("/")[0] in matched.reinitialized else before
        np.testing.assert_array_equal(value, expected[path], err_msg=path)
    assert "random weights for another number of classes: " in str(matched)


def test_classifiers_of_classes_of_other_names_stay_random(tmp_path):
    _network(num_classes=2, seed=1).save(tmp_path / "best.keras")
    (tmp_path / "result.json").write_text('{"dataset": {"classes": [{"name": "left"}, {"name": "right"}]}}')
    same = initialize_from(_network(num_classes=2, seed=2), tmp_path / "best.keras", classes=["left", "right"])
    assert same.reinitialized == () and "classifier" in same.copied
    other = initialize_from(_network(num_classes=2, seed=2), tmp_path, classes=["right", "left"])
    assert set(other.reinitialized) == {"classifier", "aux_classifier"} and "detail_conv1" in other.copied
    message = "random weights for other classes, the same in another order: class 0 is 'left', not 'right': "
    assert message in str(other)


def test_an_auxiliary_head_that_the_source_lacks_stays_random():
    source, model = _network(aux_head=False, seed=1), _network(seed=2)
    own = _values(model)
    matched = initialize_from(model, source)
    assert matched.missing == ("aux_classifier",) and "classifier" in matched.copied
    np.testing.assert_array_equal(model.get_layer("aux_classifier").kernel, own["aux_classifier/kernel"])
    assert "random weights, since the source has none: aux_classifier" in str(matched)


def test_layers_that_only_the_source_has_are_named():
    matched = initialize_from(_network(aux_head=False), _network())
    assert matched.unused == ("aux_classifier",) and str(matched).endswith("not used: aux_classifier")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            dataclasses.replace(TINY, detail_channels=(8, 8, 8, 16)),
            "the network tiny: does not fit tiny: detail_.* has the shape .*, .* is needed",
        ),
        (DEEPER, "the network tiny: does not fit tiny: it has no "),
    ],
    ids=["wider", "deeper"],
)
def test_another_network_is_refused_and_nothing_changed(spec, message):
    model = _network(spec, seed=2)
    before = _values(model)
    with pytest.raises(InputError, match=message):
        initialize_from(model, _network())
    for path, value in _values(model).items():
        np.testing.assert_array_equal(value, before[path])


def test_the_digest_is_that_of_the_weights(tmp_path):
    source = _network(seed=1)
    source.save(tmp_path / "one.keras")
    source.save(tmp_path / "two.keras")
    digests = [initialize_from(_network(), tmp_path / name).sha256 for name in ("one.keras", "two.keras")]
    assert digests[0] == digests[1] == initialize_from(_network(), source).sha256
    source.get_layer("classifier").bias.assign(np.full(11, 1e-3))
    assert initialize_from(_network(), source).sha256 != digests[0]


def test_a_runs_auxiliary_head_comes_from_its_newest_checkpoint(tmp_path):
    trained = _network(seed=1)
    best = _network(aux_head=False, seed=3)
    best.save(tmp_path / "best.keras")
    variables = {path: x.value for path, x in model_variables(trained).items()}
    Checkpoints(tmp_path / "checkpoints", {"model": variables}, keep=1).save(1, 0, {})
    model = _network(seed=2)
    matched = initialize_from(model, tmp_path)
    assert matched.missing == () and matched.source == str(tmp_path)
    np.testing.assert_array_equal(model.get_layer("aux_classifier").kernel, variables["aux_classifier/kernel"])
    # All else is the best network's, not the last one's.
    np.testing.assert_array_equal(model.get_layer("classifier").kernel, best.get_layer("classifier").kernel)


def test_a_run_of_version_0_1():
    model = _network(num_classes=19)
    matched = initialize_from(model, GOLDEN)
    assert matched.missing == ("aux_classifier",) and matched.reinitialized == ()  # its checkpoint names no layers
    np.testing.assert_array_equal(
        model.get_layer("classifier").kernel, load_network(GOLDEN).get_layer("classifier").kernel
    )


def test_files_that_are_no_network_are_refused(tmp_path):
    (tmp_path / "notes.keras").write_text("none")
    for path, message in ((tmp_path / "notes.keras", "is not a .keras file"), (tmp_path / "absent", "does not exist")):
        with pytest.raises(InputError, match=message):
            initialize_from(_network(), path)


def test_a_network_of_another_name_is_named_as_the_one_to_build():
    narrow, wide = (
        build_model(name, num_classes=3, input_shape=(None, None, 3)) for name in ("detail-only", "detail-onlyx1.5")
    )
    with pytest.raises(InputError, match="is needed; set `model=detail-onlyx1.5`$"):
        initialize_from(narrow, wide)
