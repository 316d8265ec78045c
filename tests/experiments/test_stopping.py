"""SIGTERM and SIGINT: the step is finished and saved, and the exit status is that of the signal."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from experiments import train
from experiments.commands import command
from experiments.stopping import StopSignals, terminated_like_ctrl_c


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
        rf"\S*python -m experiments.train --flagfile={out}/flags.txt\n",
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


def test_a_run_that_was_started_without_resume_is_resumed_with_it(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3.12")
    command = "python -m experiments.train --flagfile='my runs/flags.txt'"
    assert train.run_resume_advice("my runs", True) == f"resume by the same command, or by: {command}"
    assert train.run_resume_advice("my runs", False) == f"resume by: {command} --resume"


def test_commands_name_the_python_of_the_working_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert command("export", "--format=onnx") == ".venv/bin/python -m experiments.export --format=onnx"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my env" / "bin" / "python"))
    assert command("export") == "'my env/bin/python' -m experiments.export"


@pytest.mark.parametrize(
    ("number", "status", "left"),
    [(signal.SIGTERM, 143, []), (signal.SIGHUP, 129, []), (signal.SIGINT, 130, []), (signal.SIGKILL, -9, [".a."])],
)
def test_a_program_that_is_ended_leaves_no_unfinished_file_and_no_traceback(tmp_path, number, status, left):
    program = (
        "import os, signal\n"
        "from contextnet_tf.files import atomic_write\n"
        "from experiments import program\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # and nohup's this
        "def main(argv):\n"
        f"    with atomic_write({str(tmp_path / 'a.mp4')!r}) as temporary:\n"
        "        temporary.write_text('begun')\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "program.run(main, needs_tensorflow=False)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (status, b"")
    assert [path.name[:3] for path in tmp_path.iterdir()] == left


def test_a_hangup_that_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminated_like_ctrl_c():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
