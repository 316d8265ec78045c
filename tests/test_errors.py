"""What libraries' errors are told as."""

import pytest

from contextnet_tf.errors import reason_of


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("no such file", "no such file"),
        ("  first\nsecond", "first"),
        ("from core.cpp:132:\n  while reading:\nnot a model\nmore", "from core.cpp:132: while reading: not a model"),
        ("cut off:", "cut off:"),
        ("{{function_node __wrapped__WriteScalar}} Not a directory [Op:WriteScalar] name: ", "Not a directory"),
        ("", "OSError"),
        (" \n ", "OSError"),
    ],
)
def test_one_line(message, told):
    assert reason_of(OSError(message)) == told
