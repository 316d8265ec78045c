"""Ways to run one network, each measured from the same uint8 picture to the same uint8 labels.

A contender is one small class in a file of its own, with what `Contender` says, and an entry in `CONTENDERS`.
"""

import importlib.util

from contextnet_tf.deployment.contenders.contender import Contender, Stage
from contextnet_tf.deployment.contenders.litert import LiteRT, LiteRTFloat16, LiteRTInside, LiteRTInt8
from contextnet_tf.deployment.contenders.onnx_runtime import OnnxRuntime
from contextnet_tf.deployment.contenders.openvino_inside import OpenVINOBfloat16Inside, OpenVINOInside
from contextnet_tf.deployment.contenders.pytorch import PyTorch
from contextnet_tf.deployment.contenders.saved_model import SavedModel

CONTENDERS: dict[str, type[Contender]] = {
    "litert": LiteRT,
    "litert-float16": LiteRTFloat16,
    "litert-int8": LiteRTInt8,
    "litert-inside": LiteRTInside,
    "tensorflow": SavedModel,
    "onnxruntime": OnnxRuntime,
    "openvino-inside": OpenVINOInside,
    "openvino-bfloat16-inside": OpenVINOBfloat16Inside,
    "pytorch": PyTorch,
}
REFERENCE = "litert"  # whose labels the others are compared with

__all__ = ["CONTENDERS", "REFERENCE", "Contender", "Stage", "missing_packages"]


def missing_packages(contender: type[Contender]) -> list[str]:
    """The packages that the contender needs and that are not installed."""
    return [name for name in contender.packages if importlib.util.find_spec(name) is None]
