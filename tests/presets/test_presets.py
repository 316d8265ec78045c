"""The trained networks that come with the package."""

import json
import shutil

import cv2
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

import contextnet_tf as cn
from contextnet_tf import presets
from contextnet_tf.errors import InputError
from contextnet_tf.runs.results import read_results
from data.streets import draw_street
from experiments import make_preset, opening, predict
from experiments.splits import recorded_splits

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
    assert recorded_splits(results.flags["train"]).train == (("train", "val") if "camvid" in name else ("train",))
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
    assert (checksum["mean"], checksum["deviation"]) == (-5.656312942504883, 4.999087333679199)
    assert checksum["pixels"] == [19667, 29901, 89, 43325, 566, 7031, 483, 402, 29343, 229, 36]


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


def test_the_run_that_a_preset_is_made_from_is_not_replaced(call, tmp_path):
    shutil.copytree(presets.preset_dir("cn14-camvid"), tmp_path / "camvid")
    (tmp_path / "camvid" / "card.md").unlink()
    before = sorted(tmp_path.rglob("*"))
    called = call(make_preset, f"--checkpoint={tmp_path / 'camvid'}", "--name=camvid", f"--output_dir={tmp_path}")
    assert called.status == 1 and called.err == (
        f"error: {tmp_path}/camvid: holds other files; only a folder with card.md is replaced; choose another one\n"
    )
    assert sorted(tmp_path.rglob("*")) == before


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


def _held_out_run(folder, split, dataset="camvid"):
    folder.mkdir(parents=True)
    accuracy = {"images": 2, "mean_iou": 0.5, "class_iou": {"sky": 0.5}}
    section = {"dataset": dataset, "split": split, "checkpoint": "best.keras", **accuracy}
    (folder / "result.json").write_text(json.dumps({"format_version": 1, "evaluation": section}))


def test_runs_with_held_out_drives_are_told_apart_by_what_they_held_out(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    _held_out_run(tmp_path / "p0" / "modern-seed0", "train+val, p0 held out")
    _held_out_run(tmp_path / "p1" / "modern-seed0", "train+val, p1 held out")
    # The folders that leave_one_out makes have equal names; `~` is the home folder in each path of the list.
    with flagsaver.flagsaver():
        flags.FLAGS(["make_preset", "--holdout_runs=~/p0/modern-seed0,~/p1/modern-seed0"])
        found = make_preset.held_out_accuracy(flags.FLAGS.holdout_runs, "camvid")
    assert {column: accuracy.mean_iou for column, accuracy in found.items()} == {
        "train+val, p0 held out": 0.5, "train+val, p1 held out": 0.5,
    }  # fmt: skip


def test_runs_that_do_not_belong_on_a_card_are_refused_before_the_export(call, tmp_path):
    _held_out_run(tmp_path / "one", "train, p0 held out")
    _held_out_run(tmp_path / "again", "train, p0 held out")
    _held_out_run(tmp_path / "other", "val", dataset="streets")
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "result.json").write_text('{"format_version": 1}')
    for runs, message in (
        (
            "one,again",
            f"{tmp_path}/again: was evaluated on 'train, p0 held out', as another of --holdout_runs; give one",
        ),
        ("other", f"{tmp_path}/other: holds no evaluation on camvid; --holdout_runs takes complete runs on it"),
        ("trained", f"{tmp_path}/trained: holds no evaluation on camvid"),
        ("gone", f"{tmp_path}/gone/result.json: is missing"),
    ):
        folders = ",".join(f"{tmp_path}/{name}" for name in runs.split(","))
        called = call(
            make_preset, f"--checkpoint={presets.preset_dir('cn14-camvid')}", "--name=x",
            f"--holdout_runs={folders}", f"--output_dir={tmp_path / 'out'}",
        )  # fmt: skip
        assert called.status == 1 and called.err.startswith(f"error: {message}"), called.err
    assert not (tmp_path / "out").exists()


def test_a_run_without_its_network_makes_no_preset(call, tmp_path):
    results = json.loads((presets.preset_dir("cn14-camvid") / "result.json").read_text())
    for missing, message in (
        ("best.keras", f"error: {tmp_path}/run: holds no best.keras; give"),
        ("training", f"error: {tmp_path}/run: its training is unfinished; resume it by the same command"),
        ("model", f"error: {tmp_path}/run: is not a run on one of camvid, streets"),
    ):
        (tmp_path / "run").mkdir(exist_ok=True)
        results.pop(missing, None)
        (tmp_path / "run" / "result.json").write_text(json.dumps(results))
        called = call(make_preset, f"--checkpoint={tmp_path / 'run'}", "--name=x", f"--output_dir={tmp_path / 'out'}")
        assert called.status == 1 and called.err.startswith(message), called.err
        assert not list(tmp_path.glob("out/*"))
