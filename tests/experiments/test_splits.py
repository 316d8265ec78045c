"""The examples that evaluate takes, by its flags and by the splits of the training."""

import json

import pytest

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.errors import InputError
from contextnet_tf.runs.run_dir import differing_settings
from experiments.splits import NO_VALIDATION, Splits, evaluated, recorded_splits

HELD_OUT = Splits(("train", "val"), None, ("p1", "p3"))


@pytest.mark.parametrize(
    ("split", "holdout", "label", "names"),
    [
        (None, [], "train+val, p1 and p3 held out", ["p1", "p3", "p1"]),
        (None, ["p3"], "train+val, p3 held out", ["p3"]),
        ("val", ["p1"], "val, p1 held out", ["p1"]),
        (None, ["p0", "p1"], "train+val, p0 and p1 only", ["p0", "p1", "p0", "p1"]),
        ("val", [], "val", ["p0", "p1"]),
    ],
    ids=str,
)
def test_what_is_evaluated_of_a_run_with_held_out_examples(camvid_dir, split, holdout, label, names):
    chosen = evaluated(split, holdout, HELD_OUT)
    assert chosen.label == label
    assert [example.name for example in chosen.examples(get_dataset("camvid"), str(camvid_dir))] == names


def test_settings_are_what_json_reads_back():
    settings = HELD_OUT.settings()
    assert json.loads(json.dumps(settings)) == settings  # else a run with other splits could not be resumed
    assert settings["splits"] == {
        "train": ["train", "val"], "val": "train+val, p1 and p3 held out", "holdout": ["p1", "p3"],
    }  # fmt: skip


def test_the_default_split_may_be_given_when_a_run_resumes():
    given, test = Splits(val="val").settings(), Splits(val="test").settings()
    for before in ({}, Splits().settings(), given):  # earlier versions recorded no default
        for now in ({}, Splits().settings(), given):
            assert differing_settings(before, now) == []
        assert differing_settings(before, test) == [("splits.val", "val", "test")]


def test_without_held_out_examples_it_is_the_split_val():
    trained = Splits(("train", "val"), NO_VALIDATION)
    assert evaluated(None, [], trained).label == "val"
    assert evaluated(None, ["p1"], trained).label == "train+val, p1 only"
    assert evaluated("train", [], trained).names == ("train",)


def test_by_default_it_is_the_split_of_the_validation():
    assert evaluated(None, [], Splits(("train",), "test")).names == ("test",)


@pytest.mark.parametrize(
    ("trained", "split", "holdout", "trained_on"),
    [
        (Splits(), None, [], ()),
        (Splits(), "train", [], ("train",)),
        (Splits(("train", "val"), NO_VALIDATION), None, [], ("val",)),
        (Splits(("train", "val"), NO_VALIDATION), None, ["p1"], ("train", "val")),
        (HELD_OUT, None, [], ()),
        (HELD_OUT, None, ["p3"], ()),
        (HELD_OUT, None, ["p0", "p1"], ("train", "val")),
        (HELD_OUT, "test", [], ()),
    ],
    ids=str,
)
def test_what_of_it_was_trained_on(trained, split, holdout, trained_on):
    assert evaluated(split, holdout, trained).trained_on == trained_on


@pytest.mark.parametrize(
    ("trained", "trained_on"), [(Splits(), ()), (Splits(("train", "val"), NO_VALIDATION), ("val",)), (None, ())]
)
def test_another_default_selection_may_have_been_trained_on(trained, trained_on):
    chosen = evaluated(None, [], trained, Splits())
    assert (chosen.names, chosen.trained_on) == (("val",), trained_on)


def test_held_out_examples_of_the_default_selection_may_have_been_trained_on():
    trained = Splits(("train", "val"), NO_VALIDATION)
    chosen = evaluated(None, [], trained, HELD_OUT)
    assert (chosen.prefixes, chosen.trained_on) == (("p1", "p3"), ("train", "val"))


def test_flags_record_the_splits():
    for splits in (Splits(), HELD_OUT, Splits(("train", "val"), NO_VALIDATION), Splits(("train",), "test")):
        recorded = recorded_splits(json.loads(json.dumps(splits.flags())))
        assert (recorded.train, recorded.validated, recorded.holdout) == (
            splits.train,
            splits.validated,
            splits.holdout,
        )


def test_a_prefix_that_fits_nothing_is_refused(camvid_dir):
    with pytest.raises(InputError, match="`holdout`: no name of the 2 examples begins with 'p2'; the first is 'p0'"):
        evaluated("val", ["p2"], HELD_OUT).examples(get_dataset("camvid"), str(camvid_dir))


@pytest.mark.parametrize(
    ("recorded", "trained"),
    [
        ({}, Splits(("train",), "val")),
        ({"val_split": "test"}, Splits(("train",), "test")),
        ({"train_splits": ["train", "val"]}, Splits(("train", "val"), NO_VALIDATION)),  # a damaged file
        ({"train_splits": ["train", "val"], "val_split": "none"}, Splits(("train", "val"), NO_VALIDATION)),
        ({"train_splits": ["train", "val"], "holdout": ["p1", "p3"], "val_split": None}, HELD_OUT),
        ({"train_splits": 5, "holdout": None, "val_split": 5}, Splits(("train",), "val")),
    ],
    ids=str,
)
def test_splits_recorded_by_train(recorded, trained):
    assert recorded_splits(recorded) == trained
