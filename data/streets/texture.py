"""Seamlessly repeating noise fields, the source of grain, dirt, clouds and leaves."""

import functools

import cv2
import numpy as np

SIZE = 512  # pixels of a field's side


@functools.cache
def fractal(roughness: float, number: int = 0) -> np.ndarray:
    """Field float32 [512, 512], mean 0, standard deviation 1; amplitudes fall as 1 / frequency ** roughness."""
    white = np.random.default_rng((2018, number)).standard_normal((SIZE, SIZE)).astype(np.float32)
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None, :])
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(white) / frequency**roughness, (SIZE, SIZE))
    return np.ascontiguousarray(field / field.std(), np.float32)


def look_up(field: np.ndarray, columns: np.ndarray, rows: np.ndarray, smooth: bool = True) -> np.ndarray:
    """The field, repeated without end, at float32 positions [H, W] between -32,000 and 32,000."""
    between = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    return cv2.remap(field, columns, rows, between, borderMode=cv2.BORDER_WRAP)


@functools.cache
def doubled(roughness: float, number: int = 0) -> np.ndarray:
    """The field four times over, float32 [1024, 1024]: any window of it is a view."""
    return np.tile(fractal(roughness, number), (2, 2))


def cut(field: np.ndarray, height: int, width: int, left: int, top: int) -> np.ndarray:
    """A window [height, width] of a field, repeated where the window extends beyond the field."""
    if top + height > field.shape[0] or left + width > field.shape[1]:
        field = np.tile(field, (-(-(top + height) // field.shape[0]), -(-(left + width) // field.shape[1])))
    return field[top : top + height, left : left + width]
