"""SIGTERM and SIGINT as requests: the work asks at suitable points whether to stop."""

import contextlib
import shlex
import signal
import sys
import types
from collections.abc import Callable, Iterator

from contextnet_tf.errors import Stopped
from experiments.commands import command


class Terminated(KeyboardInterrupt):
    """A signal that ends a program as Ctrl-C does: what was begun is closed or removed.

    Attributes:
      exit_status: the exit status that shells report after the signal: 143 for SIGTERM, 129 for SIGHUP.
    """

    def __init__(self, number: int):
        super().__init__()
        self.exit_status = 128 + number


@contextlib.contextmanager
def terminated_like_ctrl_c() -> Iterator[None]:
    """Within the block, SIGTERM and SIGHUP raise `Terminated`, unless they are ignored (nohup) or handled already."""

    def receive(number: int, frame: types.FrameType | None) -> None:
        del frame
        raise Terminated(number)

    numbers = [x for x in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(x) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


class StopSignals:
    """A context manager in which signals do not end the process; `asked` reports them.

    Before the first call of `asked`, a signal still ends the process at once. A second SIGINT always does.
    """

    def __init__(self):
        self._polled = False
        self._received = None
        self._before = {}

    def __enter__(self) -> "StopSignals":
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def asked(self) -> bool:
        """Whether a signal was received."""
        self._polled = True
        return self._received is not None

    @property
    def exit_status(self) -> int:
        """The exit status that shells report after the signal: 143 for SIGTERM, 130 for SIGINT."""
        return 128 + self._received

    def _receive(self, number: int, frame: types.FrameType | None) -> None:
        del frame
        again = self._received == number == signal.SIGINT
        self._received = number
        if again or not self._polled:
            sys.exit(self.exit_status)


@contextlib.contextmanager
def stoppable(advice: str) -> Iterator[Callable[[], bool]]:
    """Yields a function that returns whether a signal asked to stop.

    If the work then raises `Stopped`, the program ends with one line that includes `advice`, and with the exit status
    that shells report after the signal.
    """
    with StopSignals() as signals:
        try:
            yield signals.asked
        except Stopped as stopped:
            print(f"{stopped}; {advice}", file=sys.stderr)
            sys.exit(signals.exit_status)


def resume_advice(program: str) -> str:
    """The advice to resume: a rerun of the same command."""
    return f"rerun the same command to resume: {command(program, shlex.join(sys.argv[1:]))}"
