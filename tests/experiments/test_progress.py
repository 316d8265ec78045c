"""Times as a person reads them, and bars in terminals and files."""

import io
import itertools
import math
import sys

import pytest

from experiments.progress import in_words, progress_bar


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"), (89.4, "89 s"), (90.6, "2 min"), (150.1, "3 min"), (3569.0, "59 min"), (3571.0, "1 h 00 min"),
        (9000.0, "2 h 30 min"), (math.nan, "?"),
    ],
)  # fmt: skip
def test_in_words(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize(("in_a_terminal", "least", "most"), [(True, 100, 102), (False, 2, 15)])
def test_a_file_is_not_filled_with_updates(in_a_terminal, least, most, monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: in_a_terminal
    monkeypatch.setattr(sys, "stderr", stream)
    clock = itertools.count()  # a second from one look at it to the next; the bar looks four times a step
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    for _ in progress_bar(range(100), miniters=1):
        pass
    assert least <= stream.getvalue().count("/100") <= most
    assert "100%" in stream.getvalue().split("\r")[-1]
