"""The image sizes that a network takes, without Keras: the check before it is built, and the size to pad to."""

from contextnet_tf.arguments import is_whole
from contextnet_tf.errors import InputError


def check_input(name: str, multiple: int, num_classes: int, input_shape: tuple[int | None, int | None, int]) -> None:
    """Checks the input shape and the number of classes for building the network `name`.

    Raises:
      InputError: H or W is given and not divisible by `multiple`, or C is not 3, or there are fewer than
        two classes.
    """
    if not is_whole(num_classes) or num_classes < 2:
        raise InputError(f"num_classes = {num_classes!r}: a segmentation needs 2 classes or more")
    is_shape = isinstance(input_shape, tuple | list) and len(input_shape) == 3 and input_shape[2] == 3
    if not is_shape or not all(size is None or is_whole(size) for size in input_shape[:2]):
        raise InputError(f"input_shape = {input_shape}: it takes (height, width, 3); both sizes may be None")
    if any(size is not None and (size < 1 or size % multiple) for size in input_shape[:2]):
        below, above = (" x ".join(str(_nearest(size, multiple, up)) for size in input_shape[:2]) for up in (0, 1))
        raise InputError(
            f"input size {input_shape[0]} x {input_shape[1]} (height x width): {name} takes multiples "
            f"of {multiple}; the nearest are {below} and {above}"
        )


def padded_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The smallest (height, width), multiples of `multiple`, that contains `size`."""
    height, width = (-(-length // multiple) * multiple for length in size)
    return height, width


def _nearest(size: int | None, multiple: int, upwards: int) -> int | None:
    """The nearest positive multiple below or above `size`; `size` itself if it is a multiple or None."""
    if size is None or (size > 0 and size % multiple == 0):
        return size
    return max(1, size // multiple + upwards) * multiple
