"""How the tests call the program train, and how they check that a program refuses something."""

from experiments import train


def refused(called, message):
    """Checks for exit status 1 and one line that says `message`."""
    assert called.status == 1
    assert called.out == ""
    assert called.err.startswith("error: ") and called.err.count("\n") == 1
    assert message in called.err


def train_camvid(call, data_dir, output_dir, *arguments):
    """Calls train on a dataset of CamVid's layout with the recipe smoke and small crops."""
    return call(
        train,
        "--dataset=camvid",
        f"--data_dir={data_dir}",
        f"--output_dir={output_dir}",
        "--recipe=smoke",
        "--crop_height=64",
        "--crop_width=96",
        *arguments,
    )
