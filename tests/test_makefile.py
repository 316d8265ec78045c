"""The commands of the Makefile."""

import pathlib
import shlex
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["plain", "my images", "it's", "a;b", "50%"])
def test_each_flag_of_the_demo_arrives_whole(name):
    """`make --dry-run` prints the commands; a shell splits them into words as `shlex` does."""
    values = [f"DATA_DIR=/data/{name}/camvid", f"OUT=runs/{name}", "DATASET=camvid"]
    printed = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/installed", "demo", *values],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = printed.stdout.replace("\\\n", " ").splitlines()
    commands = [words for words in map(shlex.split, lines) if len(words) > 2 and words[2].startswith("experiments.")]
    assert [words[2].removeprefix("experiments.") for words in commands] == [
        "train", "evaluate", "export", "predict", "report",
    ]  # fmt: skip
    assert f"--data_dir=/data/{name}/camvid" in commands[0]
    for words in commands:
        assert f"--output_dir=runs/{name}" in words and all(word.startswith("--") for word in words[3:])
    assert f"--checkpoint=runs/{name}/export/model.tflite" in commands[3]
