"""The checkpoints of a run: which stay, and what becomes of a damaged one."""

import dataclasses
import pathlib
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_network import TINY

from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model
from contextnet_tf.training.checkpoints import Checkpoints, model_variables, newest_network, optimizer_variables
from contextnet_tf.training.plan import Poly
from contextnet_tf.training.recipe import SMOKE


def _checkpoints(folder, value=0.0, keep=2):
    """Checkpoints of one variable, and the variable."""
    variable = tf.Variable([value, -value])
    return Checkpoints(folder, {"model": {"layer/kernel": variable}}, keep), variable


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_stay_and_the_best(tmp_path):
    checkpoints, _ = _checkpoints(tmp_path)
    for step, best in ((9, 0), (10, 10), (20, 10), (100, 10)):
        checkpoints.save(step, best, {})
    assert _names(tmp_path) == ["step-10.npz", "step-100.npz", "step-20.npz"]
    checkpoints.save(110, 100, {})
    assert _names(tmp_path) == ["step-100.npz", "step-110.npz"]


def test_the_newest_whole_state_is_used_and_damaged_ones_are_named(tmp_path, caplog):
    checkpoints, variable = _checkpoints(tmp_path, keep=3)
    for step in (1, 2, 3):
        variable.assign([step, -step])
        checkpoints.save(step, 0, {"told": f"of {step}"})
    content = (tmp_path / "step-3.npz").read_bytes()
    (tmp_path / "step-3.npz").write_bytes(content[: len(content) // 2])
    checkpoints, variable = _checkpoints(tmp_path, keep=2)
    assert checkpoints.restore()["told"] == "of 2"
    np.testing.assert_array_equal(variable, [2, -2])
    assert re.fullmatch(
        r"\S*step-3.npz: cannot be used \(it is cut off or was changed\) and is skipped", caplog.messages[0]
    )
    # The run resumes from 2: the damaged checkpoint of a later step is not one of the two that stay.
    checkpoints.save(2, 0, {})
    assert _names(tmp_path) == ["step-1.npz", "step-2.npz"]


def test_nothing_to_restore(tmp_path):
    checkpoints, variable = _checkpoints(tmp_path / "new", 5.0)
    assert checkpoints.restore() is None
    (tmp_path / "new" / "step-1.npz").write_bytes(b"")
    assert checkpoints.restore() is None
    np.testing.assert_array_equal(variable, [5, -5])


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_bit_goes_unnoticed(tmp_path, data):
    checkpoints, variable = _checkpoints(tmp_path, 1.0)
    checkpoints.save(1, 0, {})
    path = tmp_path / "step-1.npz"
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    variable.assign([7, 7])
    assert checkpoints.restore() is None
    np.testing.assert_array_equal(variable, [7, 7])


def test_a_state_is_an_npz_file(tmp_path):
    checkpoints, _ = _checkpoints(tmp_path, 1.5)
    checkpoints.save(1, 0, {})
    with np.load(tmp_path / "step-1.npz") as arrays:
        np.testing.assert_array_equal(arrays["model/layer/kernel"], np.float32([1.5, -1.5]))


def test_the_state_of_another_network_is_refused(tmp_path):
    _checkpoints(tmp_path)[0].save(1, 0, {})
    other = Checkpoints(tmp_path, {"model": {"layer/kernel": tf.Variable([0.0])}}, keep=2)
    with pytest.raises(InputError, match="step-1.npz: holds the checkpoint of another network or optimizer"):
        other.restore()


def test_other_versions_are_told(tmp_path, caplog):
    _checkpoints(tmp_path)[0].save(1, 0, {"versions": {"tensorflow": "2.1.0"}})
    _checkpoints(tmp_path)[0].restore()
    assert "step-1.npz: was saved with {'tensorflow': '2.1.0'}; this process runs" in caplog.messages[0]


GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "run"


def _tiny_run(folder, spec=TINY):
    """The checkpoints of a run of a tiny network, the network, and its EMA."""
    model = build_model(spec, num_classes=19, input_shape=(None, None, 3), aux_head=True)
    average = build_model(spec, num_classes=19, input_shape=(None, None, 3))
    optimizer = SMOKE.optimizer.build(Poly(1e-3, 0.9, 12))
    optimizer.build(model.trainable_variables)
    variables = {
        "model": {path: x.value for path, x in model_variables(model).items()},
        "optimizer": {path: x.value for path, x in optimizer_variables(optimizer).items()},
        "loss_scale": {},
        "ema": {path: x.value for path, x in model_variables(average).items()},
    }
    return Checkpoints(folder, variables, keep=2), model, average


def test_variables_are_stored_by_layer_and_name(tmp_path):
    checkpoints, _, _ = _tiny_run(tmp_path)
    checkpoints.save(1, 0, {})
    with np.load(tmp_path / "step-1.npz") as arrays:
        assert arrays["format_version"] == 2
        assert arrays["model/detail_conv1/kernel"].shape == (3, 3, 3, 8)
        assert {"model/aux_classifier/bias", "model/dropout/seed_generator_state", "optimizer/iteration"} <= set(arrays)
        assert "optimizer/aux_classifier_bias_velocity" in arrays and "ema/classifier/kernel" in arrays


def test_a_network_built_in_another_order_gets_its_own_variables(tmp_path):
    variables = {"a/kernel": tf.Variable([1.0]), "b/kernel": tf.Variable([2.0])}
    Checkpoints(tmp_path, {"model": variables}, keep=2).save(1, 0, {})
    other = {"b/kernel": tf.Variable([0.0]), "a/kernel": tf.Variable([0.0])}
    Checkpoints(tmp_path, {"model": other}, keep=2).restore()
    assert (other["a/kernel"].numpy(), other["b/kernel"].numpy()) == ([1.0], [2.0])


def test_numbered_variables_of_version_0_1_are_read_by_their_order(tmp_path):
    shutil.copy(GOLDEN / "checkpoints" / "step-12.npz", tmp_path)
    checkpoints, _, average = _tiny_run(tmp_path)
    assert checkpoints.restore()["progress"]["step"] == 12
    # Step 12 was the best: its EMA is the network of the run.
    best = model_variables(load_network(GOLDEN))
    assert best.keys() <= model_variables(average).keys() and len(best) > 50
    for path, value in model_variables(average).items():
        if "seed_generator" not in path:
            np.testing.assert_array_equal(value, best[path], err_msg=path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"detail_channels": (8, 8, 8, 16)}, "another network or optimizer .* the first is ema/detail_"),
        (
            {"context_rows": (*TINY.context_rows, ("bottleneck", 1, 8, 1, 1))},
            "has checkpoint format 1 and has .* variables, this run has",
        ),
    ],
    ids=["wider", "deeper"],
)
def test_numbered_variables_of_another_network_are_refused(tmp_path, changes, message):
    shutil.copy(GOLDEN / "checkpoints" / "step-12.npz", tmp_path)
    with pytest.raises(InputError, match=message):
        _tiny_run(tmp_path, dataclasses.replace(TINY, **changes))[0].restore()


def test_a_newer_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("contextnet_tf.training.checkpoints.FORMAT_VERSION", 3)
    _checkpoints(tmp_path)[0].save(1, 0, {})
    monkeypatch.undo()
    with pytest.raises(InputError, match="step-1.npz: has checkpoint format 3, this version reads up to 2"):
        _checkpoints(tmp_path)[0].restore()


def test_the_network_of_the_newest_checkpoint(tmp_path):
    checkpoints, variable = _checkpoints(tmp_path)
    assert newest_network(tmp_path) is None and newest_network(tmp_path / "absent") is None
    for step in (9, 10):
        variable.assign([step, -step])
        checkpoints.save(step, 0, {})
    found = newest_network(tmp_path)
    assert list(found) == ["layer/kernel"] and found["layer/kernel"].tolist() == [10.0, -10.0]
    assert newest_network(GOLDEN / "checkpoints") is None  # it numbers its variables
