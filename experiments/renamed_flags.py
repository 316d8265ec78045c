"""Renamed flags: an old command or flagfile is refused with the new name."""

from collections.abc import Collection, Sequence

from contextnet_tf.errors import InputError
from contextnet_tf.renamed import FLAGS
from experiments.commands import command

# Old name -> new name. A program that still has a flag of the old name keeps it: export's --precision.
RENAMED = FLAGS | {
    "picture_height": "image_height",
    "picture_width": "image_width",
    "pictures_a_step": "images_per_step",
    "precision": "dtype_policy",
    "train_pictures": "train_images",
    "val_pictures": "val_images",
}
# Former flag values that are separate programs now: (flag, value) -> program.
PROGRAMS = {("what", "models"): "compare_models", ("what", "runs"): "compare_runs"}


def refuse_renamed(arguments: Sequence[str], own_flags: Collection[str]) -> None:
    """Refuses an old flag name if the running program, which has `own_flags`, has the flag under a new name.

    Args:
      arguments: of the command line, those of flagfiles included.
      own_flags: names of the flags that the program lists in its help.

    Raises:
      InputError: an argument is an old flag: in any of the forms --flag=x, --flag x, -flag, --noflag.
    """
    for argument in arguments:
        if argument == "--":  # what follows is no flag
            return
        if not argument.startswith("-"):
            continue
        name, _, value = argument.lstrip("-").partition("=")
        program = PROGRAMS.get((name, value))
        if program and name not in own_flags:
            raise InputError(f"--{name}={value} is now a separate program: {command(program)}")
        for prefix in ("", "no"):
            old = name.removeprefix(prefix)
            new = RENAMED.get(old) if name.startswith(prefix) else None
            if new in own_flags and old not in own_flags:
                raise InputError(f"--{name} was renamed: --{prefix}{new}")
