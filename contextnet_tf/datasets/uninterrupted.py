"""Iteration over a dataset of TensorFlow that neither signals nor the end of the process interrupt."""

import atexit
import contextlib
import signal
import threading
import types
import weakref
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Element = TypeVar("Element")


class Uninterrupted(Iterator, Generic[Element]):
    """Iterates over a tf.data dataset; a signal that arrives while an element is made is handled afterwards.

    A handler that raises, as that of Ctrl-C does, can corrupt memory if it interrupts an iterator of TensorFlow 2.21:
    the process then crashes or waits forever. It also waits forever if an iterator is left to the end of Python, where
    a traceback can keep it: threads that read an example for it cannot return any more. So iterators end before.
    """

    def __init__(self, dataset: Iterable[Element]):
        self._iterator = iter(dataset)
        _open.add(self)

    def __next__(self) -> Element:
        with _signals_held():
            return next(self._iterator)

    def close(self) -> None:
        """Ends the iteration."""
        self._iterator = iter(())


_open: "weakref.WeakSet[Uninterrupted]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for each in list(_open):
        each.close()


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
