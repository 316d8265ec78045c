"""ONNX Runtime, for ONNX files. Needs the extra `[onnx]`."""

import json
import os
from typing import Any, Self

import numpy as np
import onnxruntime

from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.machine import available_cores

_ADVICE = "give a .onnx file that the export wrote"


class ONNXRuntimeEngine:
    """Runs a .onnx file written by `export_onnx` on the CPU. Thread-safe; inference runs concurrently.

    The image may be uint8 or float32, the size fixed or dynamic, the output logits or labels.
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
        self.metadata = _metadata(path, self._session)
        image = self.metadata["image"]
        self.size: tuple[int, int] | None = tuple(image["size"]) if image["size"] else None
        self.size_multiple: int = image["size_multiple"]
        self.num_classes: int = self.metadata["num_classes"]
        self._takes_float = image["type"] == "float32"
        self._output: str = self.metadata["output"]

    def image_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """See `Engine`."""
        height, width = (-(-length // self.size_multiple) * self.size_multiple for length in size)
        return self.size or (height, width)

    def logits(self, image: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        images = image[np.newaxis]
        if self._takes_float:
            images = np.ascontiguousarray(images.transpose(0, 3, 1, 2)) / np.float32(255)
        output = self._session.run([self._output], {"image": images})[0][0]
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
    if not {"image", "num_classes", "output"} <= metadata.keys():
        raise InputError(f"{path}: has no metadata of a segmentation network; {_ADVICE}")
    return metadata
