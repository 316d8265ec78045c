"""The exceptions that are no fault of the program."""


class InputError(ValueError):
    """What was given cannot be used.

    The message is one line for a person: what was wrong, with which file or value, and what
    would be right. Programs print it without a traceback and exit with status 1.
    """


def reason_of(error: Exception) -> str:
    """What a library's error says, as one line: its first line, and what follows while lines end in a colon."""
    told = []
    for line in (str(error).strip() or type(error).__name__).splitlines():
        told.append(line.strip())
        if not line.rstrip().endswith(":"):
            break
    return " ".join(told)


class InUseError(InputError):
    """Another process works where this one was to; later it may be free."""


class Stopped(Exception):
    """A run ended early because it was asked to, and has saved the state of `step`."""

    def __init__(self, step: int, steps: int):
        super().__init__(f"stopped at step {step} of {steps}")
        self.step, self.steps = step, steps
