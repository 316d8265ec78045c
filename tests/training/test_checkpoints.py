"""The states of a run on disk: which stay, and what becomes of a damaged one."""

import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contextnet_tf.errors import InputError
from contextnet_tf.training.checkpoints import Checkpoints


def _checkpoints(folder, value=0.0, keep=2):
    """Checkpoints of one variable, and the variable."""
    variable = tf.Variable([value, -value])
    return Checkpoints(folder, {"model": [variable]}, keep), variable


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
        r"\S*step-3.npz: cannot be used \(it is cut off or was changed\) and is passed over", caplog.messages[0]
    )
    # The run goes on from 2: the damaged state of a later step is not one of the two that stay.
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
        np.testing.assert_array_equal(arrays["model/0"], np.float32([1.5, -1.5]))


def test_the_state_of_another_network_is_refused(tmp_path):
    _checkpoints(tmp_path)[0].save(1, 0, {})
    other = Checkpoints(tmp_path, {"model": [tf.Variable([0.0])]}, keep=2)
    with pytest.raises(InputError, match="step-1.npz: holds the state of another network or optimizer"):
        other.restore()


def test_other_versions_are_told(tmp_path, caplog):
    _checkpoints(tmp_path)[0].save(1, 0, {"versions": {"tensorflow": "2.1.0"}})
    _checkpoints(tmp_path)[0].restore()
    assert "step-1.npz: was saved with {'tensorflow': '2.1.0'}, and this is" in caplog.messages[0]
