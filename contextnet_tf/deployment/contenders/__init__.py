"""Ways to run one network, each measured from the same uint8 picture to the same uint8 labels.

A contender is one small class in a file of its own, with what `Contender` says, and an entry in `CONTENDERS`.
"""

import importlib.util

from contextnet_tf.deployment.contenders.contender import Contender, Stage
from contextnet_tf.deployment.contenders.litert import LiteRT, LiteRTFloat16, LiteRTInside, LiteRTInt8, LiteRTLabels
from contextnet_tf.deployment.contenders.onnx_runtime import OnnxRuntime
from contextnet_tf.deployment.contenders.openvino import (
    OpenVINO,
    OpenVINOBfloat16,
    OpenVINOBfloat16Inside,
    OpenVINOInside,
    has_bfloat16,
)
from contextnet_tf.deployment.contenders.pytorch import PyTorch
from contextnet_tf.deployment.contenders.saved_model import SavedModel

CONTENDERS: dict[str, type[Contender]] = {
    "litert": LiteRT,
    "litert-float16": LiteRTFloat16,
    "litert-int8": LiteRTInt8,
    "openvino": OpenVINO,
    "openvino-bfloat16": OpenVINOBfloat16,
    "litert-labels": LiteRTLabels,
    "litert-inside": LiteRTInside,
    "tensorflow-inside": SavedModel,
    "onnxruntime-inside": OnnxRuntime,
    "openvino-inside": OpenVINOInside,
    "openvino-bfloat16-inside": OpenVINOBfloat16Inside,
    "pytorch-inside": PyTorch,
}
REFERENCE = "litert"  # whose labels the others are compared with

__all__ = ["CONTENDERS", "REFERENCE", "Contender", "Stage", "why_not"]


def why_not(contender: type[Contender]) -> str | None:
    """Why the contender cannot run here, and what would help; None where it can."""
    missing = [name for name in contender.packages if importlib.util.find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed; pip install 'contextnet_tf[bench]'"
    if contender.precision == "bfloat16" and not has_bfloat16():
        return "this processor does not compute in bfloat16"
    return None
