"""ONNX Runtime, for ONNX files. Needs the extra `[onnx]`."""

import json
import os
from typing import Any, Self

import numpy as np
import onnxruntime

from contextnet_tf.deployment.metadata import wrong_value
from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.machine import available_cores
from contextnet_tf.models.inputs import padded_size

_ADVICE = "give a .onnx file that the export wrote"
_UINT8, _FLOAT = "tensor(uint8)", "tensor(float)"  # ONNX Runtime's names of types


class ONNXRuntimeEngine:
    """Runs a .onnx file written by `export_onnx` on the CPU. Thread-safe; inference runs concurrently.

    The image may be uint8 or float32, the size fixed or dynamic, the output logits or labels; another tool may have
    renamed them, or fixed a dynamic size.
    """

    def __init__(self, path: str | os.PathLike, num_threads: int | None = None):
        """Loads the file; `num_threads` None: all cores.

        Raises:
          InputError: the file is missing, damaged, or of another kind.
        """
        if not isinstance(path, str | os.PathLike):
            raise InputError(f"this engine runs a .onnx file, not a {type(path).__name__}; give its path")
        if not os.path.isfile(path):
            raise InputError(f"{path}: is not a file; {_ADVICE}")
        self.num_threads = num_threads or available_cores()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.num_threads, 1
        options.log_severity_level = 3  # errors; warnings would go to the terminal
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has an exception type per kind of damage, without a base class
            raise InputError(f"{path}: cannot be used ({reason_of(error)}); {_ADVICE}") from None
        self._path, self.metadata = path, _metadata(path, self._session)
        self.size_multiple: int = self.metadata["image"]["size_multiple"]
        self.num_classes: int = self.metadata["num_classes"]
        # From the graph: other tools may rename these, or fix a dynamic size.
        self._image, self._output = _image_and_output(path, self._session, self.num_classes)
        self._takes_float = self._image.type == _FLOAT
        height, width = self._image.shape[2:] if self._takes_float else self._image.shape[1:3]
        self.size: tuple[int, int] | None = (height, width) if isinstance(height, int) else None
        if self.size and (height % self.size_multiple or width % self.size_multiple):
            raise InputError(
                f"{path}: takes images of {height} x {width} (height x width), and the network needs multiples of "
                f"{self.size_multiple}; {_ADVICE}"
            )

    def image_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """See `Engine`."""
        return self.size or padded_size(size, self.size_multiple)

    def logits(self, image: np.ndarray) -> np.ndarray:
        """See `Engine`.

        Raises:
          InputError: the file turns out to be damaged.
        """
        images = image[np.newaxis]
        if self._takes_float:
            images = np.ascontiguousarray(images.transpose(0, 3, 1, 2)) / np.float32(255)
        try:
            output = self._session.run([self._output.name], {self._image.name: images})[0][0]
        except Exception as error:  # as above
            raise InputError(f"{self._path}: cannot be used ({reason_of(error)}); {_ADVICE}") from None
        if self._takes_float and output.ndim == 3:
            return np.ascontiguousarray(output.transpose(1, 2, 0))
        return output

    def twin(self) -> Self:
        """See `Engine`."""
        return self


def _metadata(path: str | os.PathLike, session: Any) -> dict[str, Any]:
    """The metadata inside the file."""
    texts = session.get_modelmeta().custom_metadata_map
    try:
        # Names with a dot are ONNX's own, and hold plain texts.
        metadata = {name: json.loads(text) for name, text in texts.items() if "." not in name}
    except ValueError:
        metadata = {}
    image = metadata.get("image")
    if not isinstance(image, dict) or "size_multiple" not in image or "num_classes" not in metadata:
        raise InputError(f"{path}: has no metadata of a segmentation network; {_ADVICE}")
    wrong = wrong_value(metadata, any_size=True)
    if wrong is not None:
        raise InputError(f"{path}: {wrong!r} in its metadata is not of the kind that the export writes; {_ADVICE}")
    return metadata


def _image_and_output(path: str | os.PathLike, session: Any, num_classes: int) -> tuple[Any, Any]:
    """The input and the output of the graph, each with its name, type and shape; see `export_onnx`."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) == len(outputs) == 1 and _is_segmentation(inputs[0], outputs[0], num_classes):
        return inputs[0], outputs[0]
    takes, gives = (", ".join(f"{x.type} {x.shape}" for x in ends) for ends in (inputs, outputs))
    raise InputError(
        f"{path}: takes {takes} and gives {gives}; by its metadata it would give logits of {num_classes} classes in "
        f"float32, or labels in uint8, for one image in uint8 or float32; {_ADVICE}"
    )


def _is_segmentation(image: Any, output: Any, num_classes: int) -> bool:
    """Whether the graph is one that `export_onnx` writes. Dynamic axes have a name or None as their length."""
    channels = {_UINT8: 3, _FLOAT: 1}.get(image.type)
    if channels is None or len(image.shape) != 4 or image.shape[channels] != 3:
        return False
    if isinstance(image.shape[0], int) and image.shape[0] != 1:
        return False
    sides = [length for axis, length in enumerate(image.shape) if axis not in (0, channels)]
    if isinstance(sides[0], int) != isinstance(sides[1], int):
        return False
    if len(output.shape) == 3:
        return output.type == _UINT8
    return len(output.shape) == 4 and output.type == _FLOAT and output.shape[channels] == num_classes
