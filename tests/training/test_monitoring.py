"""Speed, waiting and time left of a run whose steps last as long as written here."""

import math
import re
import resource

import pytest

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.errors import InputError
from contextnet_tf.training.monitoring import Board, StepTimer


class _Clock:
    """Tells the seconds that have been spent on it."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def spend(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return _Clock()


def _make_steps(timer, clock, seconds, waited=0.0):
    """Steps that last `seconds` each, of which `waited` for the batch."""

    def batches():
        for _ in seconds:
            clock.spend(waited)
            yield None

    batch = timer.waiting(batches())
    for length in seconds:
        next(batch)
        clock.spend(length - waited)
        timer.end_step()


def _timer(clock, validation_steps=0.0, save_seconds=600.0):
    return StepTimer(8, validation_steps=validation_steps, save_seconds=save_seconds, clock=clock)


def test_nothing_is_said_before_the_second_step(clock):
    timer = _timer(clock)
    assert timer.speed() == {} and math.isnan(timer.seconds_left(100, 1))
    _make_steps(timer, clock, [60.0])
    assert timer.speed() == {} and math.isnan(timer.seconds_left(100, 1))


def test_the_first_step_and_a_hiccup_do_not_count(clock):
    timer = _timer(clock)
    _make_steps(timer, clock, [60.0, 2.0, 2.0, 9.0])
    assert timer.seconds_left(100, 0) == 200.0


def test_speed_and_waiting(clock):
    timer = _timer(clock)
    _make_steps(timer, clock, [60.0, 2.0, 2.0, 4.0], waited=0.5)
    # 3 steps of 8 images in 8 seconds, of which 1.5 were waited.
    assert timer.speed() == {"images_per_second": 3.0, "input_wait_share": 0.1875}


def test_validations_count_once_they_were_measured(clock):
    timer = _timer(clock, validation_steps=5.0)
    _make_steps(timer, clock, [60.0, 2.0])
    # 100 steps, 4 validations of 5 steps, and one at the end.
    assert timer.seconds_left(100, 4) == 200 + 4 * 10 + 10
    for seconds in (50.0, 30.0, 32.0):
        with timer.validation():
            clock.spend(seconds)
    # The first builds the graph, as the one at the end does.
    assert timer.seconds_left(100, 4) == 200 + 4 * 31 + 50
    # The step after a validation does not contain it.
    _make_steps(timer, clock, [2.0])
    assert timer.speed()["images_per_second"] == 4.0


def test_savings_count(clock):
    timer = _timer(clock, save_seconds=600.0)
    _make_steps(timer, clock, [60.0, 2.0])
    with timer.saving():
        clock.spend(9.0)
    # Within 6000 seconds ten checkpoints are saved.
    assert timer.seconds_left(3000, 0) == 6000 + 10 * 9


def test_savings_after_each_step(clock):
    timer = _timer(clock, save_seconds=0.0)
    _make_steps(timer, clock, [60.0, 2.0])
    with timer.saving():
        clock.spend(1.0)
    assert timer.seconds_left(100, 0) == 200 + 100


def test_a_folder_of_curves_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        Board(tmp_path / "file", get_dataset("camvid"))
    expected = (
        f"{tmp_path}/file: cannot be written (Not a directory); make it writable, then run the same command again"
    )
    assert str(caught.value) == expected
    board = Board(tmp_path / "curves", get_dataset("camvid"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(
            InputError, match=re.escape(f"{tmp_path}/curves: cannot be written (") + ".*; free disk space"
        ):
            for step in range(100):
                board.scalars("train", step, {"loss": 1.0})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    board.close()
