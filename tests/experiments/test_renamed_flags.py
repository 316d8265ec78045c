"""Old flag names are refused by one line that has the new name, wherever they stand."""

import pytest

from contextnet_tf.errors import InputError
from experiments import export, train
from experiments.renamed_flags import RENAMED, refuse_renamed


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--colours=0.5", "--colours was renamed: --color_jitter"),
        ("-hard_below=0.5", "--hard_below was renamed: --ohem_threshold"),
        ("--whole_pictures", "--whole_pictures was renamed: --whole_images"),
        ("--nowhole_pictures", "--nowhole_pictures was renamed: --nowhole_images"),
        ("--precision=mixed_float16", "--precision was renamed: --dtype_policy"),
    ],
)
def test_old_names_of_train(call, tmp_path, argument, message):
    flagfile = tmp_path / "flags.txt"
    flagfile.write_text(f"--epochs=1\n{argument}\n")
    for given in (argument, f"--flagfile={flagfile}"):
        called = call(train, f"--output_dir={tmp_path / 'run'}", given)
        assert (called.status, called.out, called.err) == (1, "", f"error: {message}\n")
    assert not (tmp_path / "run").exists()


def test_a_flag_that_the_program_still_has_is_no_old_name(call, tmp_path):
    called = call(export, "--precision=float16", f"--output_dir={tmp_path / 'out'}")
    assert "was renamed" not in called.err and "--checkpoint is missing" in called.err


def test_what_is_a_program_of_its_own_now():
    with pytest.raises(InputError, match="--what=models is now a separate program: .* experiments.compare_models"):
        refuse_renamed(["--what=models"], {"output_dir"})
    refuse_renamed(["--what=models"], {"what"})


def test_every_new_name_is_a_flag_of_a_program():
    for old, new in RENAMED.items():
        with pytest.raises(InputError, match=f"--{old} was renamed: --{new}"):
            refuse_renamed([f"--{old}=1"], {new})
        refuse_renamed([f"--{old}=1", f"--{new}=1"], {"seed"})  # not a flag of this program: absl says so
        refuse_renamed(["--", f"--{old}=1"], {new})
