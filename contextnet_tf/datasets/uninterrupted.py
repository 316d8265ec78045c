"""Iteration over a dataset of TensorFlow that signals do not interrupt."""

import contextlib
import signal
import threading
import types
from collections.abc import Iterable, Iterator
from typing import TypeVar

Element = TypeVar("Element")


def uninterrupted(dataset: Iterable[Element]) -> Iterator[Element]:
    """Yields the elements of a tf.data dataset; a signal that arrives while one is made is handled afterwards.

    A handler that raises, as that of Ctrl-C does, can corrupt memory if it interrupts an iterator of TensorFlow 2.21:
    the process then crashes or waits forever.
    """
    iterator = iter(dataset)
    while True:
        with _signals_held():
            try:
                element = next(iterator)
            except StopIteration:
                return
        yield element


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Within the block, the handlers of SIGINT, SIGTERM and SIGHUP wait; they are called at its end."""
    received: list[int] = []
    before = {}

    def receive(number: int, frame: types.FrameType | None) -> None:
        del frame
        received.append(number)

    try:
        if threading.current_thread() is threading.main_thread():  # Python runs handlers in no other
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if callable(handler := signal.getsignal(number)):
                    before[number] = handler
                    signal.signal(number, receive)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for received_number in received:
            signal.raise_signal(received_number)
