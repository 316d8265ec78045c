"""The trained networks that come with the package."""

import pytest

import contextnet_tf as cn
from contextnet_tf import presets
from contextnet_tf.errors import InputError

LARGEST = 4 * 2**20  # bytes of a file


@pytest.mark.parametrize("name", presets.preset_names())
def test_a_preset_is_whole(name):
    folder = presets.preset_dir(name)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"best.keras", "card.md", "result.json", "export/model_int8.tflite", "export/model_int8.json"} <= files
    assert all((folder / file).stat().st_size <= LARGEST for file in files)


def test_an_unknown_preset_is_refused_with_the_names_of_the_others():
    with pytest.raises(InputError, match="'cn99-mars': no such preset; the presets are .*cn14-camvid"):
        cn.load_preset("cn99-mars")


def test_a_checkpoint_that_names_no_preset_is_returned_as_it_is(tmp_path):
    assert presets.resolved(tmp_path) == tmp_path
    assert presets.resolved("runs/preset:1") == "runs/preset:1"
