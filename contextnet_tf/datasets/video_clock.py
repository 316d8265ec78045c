"""The times of a video's frames."""

from fractions import Fraction
from typing import Any

_LONGEST_GAP = 10  # seconds; a longer one in a broadcast stream is a jump of its clock, as in FFmpeg itself


class Clock:
    """The start and duration of each frame, increasing and from 0, by the times in the file."""

    def __init__(self, usual: Fraction, jumps: bool):
        self._usual, self._jumps = usual, jumps
        self._offset: Fraction | None = None
        self._start, self._duration = -usual, usual
        self.last_end = Fraction(0)  # on the file's own clock

    def times(self, frame: Any) -> tuple[Fraction, Fraction]:
        """The start and duration of the next frame, in seconds."""
        follows = self._start + self._duration
        duration = frame.duration * frame.time_base if frame.duration and frame.time_base else self._usual
        if frame.pts is None:
            start = follows
            self.last_end += duration
        else:
            told = frame.pts * frame.time_base
            self.last_end = max(self.last_end, told + duration)
            if self._offset is None:
                self._offset = told
            start = told - self._offset
            if start <= self._start or (self._jumps and start > self._start + _LONGEST_GAP):
                start, self._offset = follows, told - follows
        self._start, self._duration = start, duration
        return start, duration
