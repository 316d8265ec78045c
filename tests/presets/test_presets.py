"""The trained networks that come with the package."""

import json

import cv2
import numpy as np
import pytest

import contextnet_tf as cn
from contextnet_tf import presets
from contextnet_tf.errors import InputError
from contextnet_tf.runs.results import read_results
from data.streets import draw_street
from experiments import make_preset, opening, predict

LARGEST = 4 * 2**20  # bytes of a file


@pytest.fixture(scope="module")
def street():
    """A synthetic scene, uint8 [256, 512, 3]."""
    return draw_street(5, 256, 512).image


@pytest.mark.parametrize("name", presets.preset_names())
def test_a_preset_is_whole(name):
    folder = presets.preset_dir(name)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "best.keras",
        "card.md",
        "checksum.json",
        "result.json",
        "export/model_int8.tflite",
        "export/model_int8.json",
    } <= files
    assert all((folder / file).stat().st_size <= LARGEST for file in files)
    results = read_results(folder)
    assert results.dataset.data_dir is None
    # The card has the figures of result.json.
    assert f"| **mean** | {100 * results.evaluation.accuracy.mean_iou:.1f} |" in (folder / "card.md").read_text()


@pytest.mark.parametrize("name", presets.preset_names())
def test_a_preset_is_the_network_that_was_trained(name):
    network = cn.load_preset(name)
    assert network.name in cn.VARIANTS and cn.spec_of(network) == cn.VARIANTS[network.name]
    checksum = json.loads((presets.preset_dir(name) / make_preset.CHECKSUM).read_text())
    logits = make_preset.logits_of_street(network)
    # By the network as it was made; other processors round differently.
    assert logits.mean() == pytest.approx(checksum["mean"], abs=1e-3)
    assert logits.std() == pytest.approx(checksum["deviation"], abs=1e-3)
    pixels = np.bincount(logits.argmax(axis=-1).ravel(), minlength=logits.shape[-1])
    np.testing.assert_allclose(pixels, checksum["pixels"], atol=30)


def test_cn14_camvid():
    network = cn.load_preset("cn14-camvid")
    assert cn.spec_of(network) == cn.VARIANTS["cn14"]
    assert cn.count_parameters(network) == 845_147  # 846,179 less 8 classes of 128 weights and a bias
    checksum = json.loads((presets.preset_dir("cn14-camvid") / make_preset.CHECKSUM).read_text())
    # Written down when it was made, so that it cannot be replaced unnoticed.
    assert (checksum["mean"], checksum["deviation"]) == (-4.888960361480713, 4.905953884124756)
    assert checksum["pixels"] == [19661, 37319, 223, 42061, 5344, 8912, 486, 4785, 11622, 270, 389]


@pytest.mark.parametrize("name", presets.preset_names())
def test_the_int8_file_labels_as_the_network_does(name, street):
    int8 = cn.Segmenter(presets.preset_dir(name) / "export" / "model_int8.tflite", num_threads=1)
    image = cv2.resize(street, int8.size[::-1], interpolation=cv2.INTER_AREA)
    labels = np.asarray(cn.load_preset(name)(image[np.newaxis].astype(np.float32) / 255)["main"][0]).argmax(axis=-1)
    assert np.mean(int8.segment(image) == labels) > 0.97


def test_an_unknown_preset_is_refused_with_the_names_of_the_others(tmp_path):
    with pytest.raises(InputError, match="'cn99-mars': no such preset; the presets are .*cn14-camvid"):
        cn.load_preset("cn99-mars")
    with pytest.raises(InputError, match="'cn99-mars': no such preset"):
        opening.checkpoint_file("preset:cn99-mars")
    for open_checkpoint in (opening.checkpoint_file, opening.open_network, cn.Segmenter):
        with pytest.raises(
            InputError, match="^cn14-camvid: is not a file; the preset of that name is preset:cn14-camvid$"
        ):
            open_checkpoint("cn14-camvid")


@pytest.mark.parametrize("name", ["..", ".hidden", "my/preset", "CN14", "cn 14", "preset:x", "ü", 300 * "a"])
def test_a_preset_is_not_written_under_a_name_that_is_no_name(name, tmp_path):
    with pytest.raises(
        InputError, match="--name=.*: use up to 64 lowercase letters, digits, '-' and '.', as in cn14-camvi"
    ):
        make_preset.run(checkpoint=str(presets.preset_dir("cn14-camvid")), name=name, output_dir=str(tmp_path / "out"))
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_that_names_no_preset_is_returned_as_it_is(tmp_path):
    assert presets.resolved(tmp_path) == tmp_path
    assert presets.resolved("runs/preset:1") == "runs/preset:1"


def test_a_photo_is_segmented_by_name(call, street, tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), street[..., ::-1])
    called = call(
        predict, "--checkpoint=preset:cn14-camvid", f"--input={tmp_path / 'photo.png'}", f"--output_dir={tmp_path}"
    )
    assert called.status == 0, called.err
    labels = cv2.imread(str(tmp_path / "predictions" / "photo_labels.png"), cv2.IMREAD_UNCHANGED)
    assert labels.shape == (256, 512) and np.mean(labels == 3) > 0.3  # the road
    legend = cv2.imread(str(tmp_path / "predictions" / "legend.png"))
    assert legend[3 * 24 + 12, 16, ::-1].tolist() == cn.get_dataset("camvid").palette[3].tolist()
    assert f"{tmp_path}/predictions/legend.png names the colors" in called.out
