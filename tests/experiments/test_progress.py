"""Times as a person reads them."""

import math

import pytest

from experiments.progress import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"), (99.4, "99 s"), (99.6, "2 min"), (150.1, "3 min"), (3569.0, "59 min"), (3571.0, "1 h 00 min"),
        (9000.0, "2 h 30 min"), (math.nan, "?"),
    ],
)  # fmt: skip
def test_in_words(seconds, words):
    assert in_words(seconds) == words
