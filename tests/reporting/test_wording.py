import math
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contextnet_tf.reporting import wording


@pytest.mark.parametrize(
    "written, expected",
    [
        (wording.percent(0.65873), "65.9"),
        (wording.percent(0.99998, 3, " %"), "99.998 %"),
        (wording.percent(0.0), "0.0"),
        (wording.percent(None), "–"),
        (wording.percent(math.nan, sign=" %"), "–"),
        (wording.mean_percent([0.5, 0.75]), "62.5"),
        (wording.mean_percent((), 2), "–"),
        (wording.count(846179), "846,179"),
        (wording.count(None), "–"),
        (wording.magnitude(846179), "0.85 M"),
        (wording.magnitude(159387), "0.16 M"),
        (wording.magnitude(5632000000), "5.63 G"),
        (wording.magnitude(30080), "30.1 k"),
        (wording.magnitude(812), "812"),
        (wording.magnitude(None), "–"),
        (wording.file_size(3412345), "3.41 MB"),
        (wording.file_size(45678), "45.7 kB"),
        (wording.file_size(None), "–"),
        (wording.image_size([256, 512]), "256 × 512"),
        (wording.image_size(None), "–"),
        (wording.decimal(18.31), "18.3"),
        (wording.decimal(1234.5678, 2), "1,234.57"),
        (wording.speed(18.31), "18.3"),
        (wording.speed(0.96), "1.0"),
        (wording.speed(0.94), "0.94"),
        (wording.speed(0.038), "0.04"),
        (wording.speed(None), "–"),
        (wording.decimal(None), "–"),
        (wording.significant(60.0), "60"),
        (wording.significant(0.0000321456, 2), "3.2e-05"),
        (wording.significant(None), "–"),
        (wording.duration(0.5), "30 s"),
        (wording.duration(8.25), "8 min"),
        (wording.duration(72.4), "1 h 12 min"),
        (wording.duration(119.8), "2 h 00 min"),
        (wording.duration(None), "–"),
        (wording.milliseconds([47.93, 55.3]), "47.9 to 55.3 ms"),
        (wording.milliseconds([47.93, None]), "–"),
        (wording.milliseconds(None), "–"),
        (wording.memory(23.5), "23.5 GiB"),
        (wording.memory(None), "–"),
        (wording.commit("3e77e911abe46fb13203b196b16b4804b40653c6"), "3e77e911ab"),
        (wording.commit("3e77e911abe46fb13203b196b16b4804b40653c6+changes"), "3e77e911ab+changes"),
        (wording.commit(None), "–"),
        (wording.date("2026-11-03T07:00:47+00:00"), "3 November 2026"),
        (wording.date("yesterday"), "yesterday"),
        (wording.date(None), "–"),
        (wording.dataset_title("camvid"), "CamVid"),
        (wording.dataset_title("own"), "own"),
        (wording.dataset_title(None), "–"),
        (wording.split_title("val"), "validation split"),
        (wording.split_title("night"), "split night"),
        (wording.split_title(None), "–"),
        (wording.setting([352, 480]), "352, 480"),
        (wording.setting(False), "no"),
        (wording.setting(True), "yes"),
        (wording.setting(None), "not set"),
        (wording.setting(0.5), "0.5"),
        (wording.engine_title("litert"), "LiteRT"),
        (wording.engine_title("openvino"), "OpenVINO"),
        (wording.engine_title("openvino-float32"), "OpenVINO float32"),
        (wording.engine_title("onnxruntime"), "ONNX Runtime"),
        (wording.engine_title("other"), "other"),
    ],
)
def test_figures_for_people(written, expected):
    assert written == expected


def test_a_command_can_be_typed_again():
    flags = {
        "dataset": "camvid", "seed": 0, "resume": False, "fold": True, "epochs": None,
        "sizes": [352, 480], "title": "a 'b' $c",
    }  # fmt: skip
    expected = (
        "python -m experiments.train --dataset=camvid --seed=0 --noresume --fold --sizes=352,480 "
        """'--title=a '"'"'b'"'"' $c'"""
    )
    assert wording.command("train", flags) == expected
    assert wording.flag("resume", False) == "--noresume" and wording.flag("rows", [0, 3]) == "--rows=0,3"


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_the_shell_reads_a_flag_back_as_it_was(value):
    assert shlex.split(wording.command("train", {"title": value}))[3:] == [f"--title={value}"]
