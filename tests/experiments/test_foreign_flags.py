"""Flags that other programs read: a program that imports them refuses them."""

import importlib
import subprocess
import sys

import pytest
from folders import write_camvid

from experiments import leave_one_out, predict

# Flags of modules that the program imports. Each would have had no effect.
FOREIGN = [
    ("check_data", "--split=val", " Did you mean: val_split ?"),
    ("check_data", "--holdout=a", ""),
    ("check_data", "--batch_size=4", ""),
    ("train", "--split=val", " Did you mean: val_split ?"),
    ("evaluate", "--seed=3", ""),
    ("predict", "--recipe=smoke", ""),
    ("export", "--split=val", ""),
    ("report", "--dataset=camvid", ""),
    ("leave_one_out", "--seed=3", " Did you mean: seeds ?"),
    ("leave_one_out", "--noresume", ""),
    ("leave_one_out", "--initial=preset:cn14-streets", ""),
]


@pytest.mark.parametrize(("name", "flag", "hint"), FOREIGN)
def test_a_flag_that_a_program_does_not_read_is_refused(call, name, flag, hint):
    called = call(importlib.import_module(f"experiments.{name}"), flag)
    flag_name = flag.split("=")[0].removeprefix("--").removeprefix("no")
    assert (called.status, called.out) == (1, "")
    assert called.err == f"error: Unknown command line flag {flag_name!r}.{hint}; see --help\n".replace("'.;", "';")


def test_they_are_refused_in_the_shell_and_in_flagfiles(tmp_path):
    (tmp_path / "flags.txt").write_text("--output_dir=out\n--seed=3\n")
    command = [sys.executable, "-m", "experiments.predict", f"--flagfile={tmp_path / 'flags.txt'}"]
    called = subprocess.run(command, capture_output=True, text=True)
    assert (called.returncode, called.stderr) == (1, "error: Unknown command line flag 'seed'; see --help\n")


def test_every_program_takes_the_log_level_and_what_absl_defines(call):
    called = call(predict, "--log_level=info", "--v=-1", "--checkpoint=absent.tflite", "--output_dir=out")
    assert called.err == "error: absent.tflite: is not a file; experiments.export writes such files\n"


def test_leave_one_out_names_its_own_flag(call, tmp_path):
    camvid = write_camvid(tmp_path)
    common = ("--dataset=camvid", f"--data_dir={camvid}", "--train_splits=train", f"--output_dir={tmp_path / 'out'}")
    assert call(leave_one_out, *common, "--drives=p,q").err == (
        "error: --drives: all 6 examples are held out, none is left to train on\n"
    )
    assert call(leave_one_out, *common, "--drives=p0,q").err == (
        "error: --drives: no name of the 6 examples begins with 'q'; the first is 'p0'\n"
    )
