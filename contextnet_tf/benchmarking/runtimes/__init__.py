"""Ways to run one network, each measured from the same uint8 image to the same uint8 labels.

A contender is one small class in a file of its own, with what `Runtime` says, and an entry in `RUNTIMES`.
"""

import importlib.util

from contextnet_tf.benchmarking.runtimes.litert import LiteRT, LiteRTFloat16, LiteRTInside, LiteRTInt8, LiteRTLabels
from contextnet_tf.benchmarking.runtimes.onnx_runtime import OnnxRuntime
from contextnet_tf.benchmarking.runtimes.openvino import (
    OpenVINO,
    OpenVINOBfloat16,
    OpenVINOBfloat16Inside,
    OpenVINOInside,
    has_bfloat16,
)
from contextnet_tf.benchmarking.runtimes.pytorch import PyTorch
from contextnet_tf.benchmarking.runtimes.runtime import Runtime, Stage
from contextnet_tf.benchmarking.runtimes.saved_model import SavedModel

RUNTIMES: dict[str, type[Runtime]] = {
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

__all__ = ["RUNTIMES", "REFERENCE", "Runtime", "Stage", "why_not"]


def why_not(runtime: type[Runtime]) -> str | None:
    """Why the contender cannot run here, and what would help; None where it can."""
    missing = [name for name in runtime.packages if importlib.util.find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed; pip install 'contextnet_tf[bench]'"
    if runtime.precision == "bfloat16" and not has_bfloat16():
        return "this processor does not compute in bfloat16"
    return None
