"""SIGTERM and SIGINT: the step is finished and saved, and the exit status is that of the signal."""

import os
import re
import signal
import threading
import time

import pytest

from experiments import train
from experiments.stopping import StopSignals


def _signal_when(path, number):
    """Sends this process the signal as soon as `path` is there."""

    def watch():
        while not path.exists():
            time.sleep(0.005)
        os.kill(os.getpid(), number)

    threading.Thread(target=watch, daemon=True).start()


def test_a_stopped_training_has_saved_the_step_it_finished(camvid_dir, call, tmp_path):
    out = tmp_path / "out"
    command = (
        train, "--dataset=camvid", f"--data_dir={camvid_dir}", f"--output_dir={out}", "--recipe=smoke", "--epochs=99",
        "--crop_height=64", "--crop_width=64", "--save_minutes=0",
    )  # fmt: skip
    _signal_when(out / "checkpoints" / "step-3.npz", signal.SIGTERM)
    stopped = call(*command)
    assert stopped.status == 143
    told = re.search(
        rf"stopped at step (\d+) of 297; resume by the same command, or by: "
        rf"python -m experiments.train --flagfile={out}/flags.txt\n",
        stopped.err,
    )
    step = int(told[1])
    saved = {int(path.stem.removeprefix("step-")) for path in (out / "checkpoints").iterdir()}
    assert saved == {step - 2, step - 1, step}
    assert (out / "flags.txt").is_file()
    log = (out / "train.log").read_text()
    assert f"INFO ended by Stopped: stopped at step {step} of 297" in log


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_before_anybody_asks_ends_at_once(number, status):
    with StopSignals(), pytest.raises(SystemExit) as end:
        os.kill(os.getpid(), number)
    assert end.value.code == status


def test_a_second_interrupt_ends_at_once():
    before = signal.getsignal(signal.SIGINT)  # a job in the background may have been started with it ignored
    with StopSignals() as signals:
        assert not signals.asked()
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.asked() and signals.exit_status == 130
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_that_was_started_without_resume_is_resumed_with_it():
    command = "python -m experiments.train --flagfile='my runs/flags.txt'"
    assert train.resume_advice("my runs", True) == f"resume by the same command, or by: {command}"
    assert train.resume_advice("my runs", False) == f"resume by: {command} --resume"
