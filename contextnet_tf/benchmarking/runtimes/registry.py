"""The compared runtimes by name."""

import importlib.util

from contextnet_tf.benchmarking.runtimes.litert import LiteRT, LiteRTFloat16, LiteRTInGraph, LiteRTInt8, LiteRTLabels
from contextnet_tf.benchmarking.runtimes.ncnn import NCNN
from contextnet_tf.benchmarking.runtimes.onnx_runtime import OnnxRuntime, OnnxRuntimeInGraph
from contextnet_tf.benchmarking.runtimes.openvino import (
    OpenVINO,
    OpenVINOBfloat16,
    OpenVINOBfloat16InGraph,
    OpenVINOInGraph,
    has_bfloat16,
)
from contextnet_tf.benchmarking.runtimes.pytorch import PyTorch
from contextnet_tf.benchmarking.runtimes.runtime import Runtime
from contextnet_tf.benchmarking.runtimes.saved_model import SavedModel

# Runtimes named "*-in-graph" or "*-labels" have upsampling and arg-max in the graph; others use `upsample_argmax`.
RUNTIMES: dict[str, type[Runtime]] = {
    "litert": LiteRT,
    "litert-float16": LiteRTFloat16,
    "litert-int8": LiteRTInt8,
    "openvino": OpenVINO,
    "openvino-bfloat16": OpenVINOBfloat16,
    "onnxruntime": OnnxRuntime,
    "ncnn": NCNN,
    "litert-labels": LiteRTLabels,
    "litert-in-graph": LiteRTInGraph,
    "tensorflow-in-graph": SavedModel,
    "onnxruntime-in-graph": OnnxRuntimeInGraph,
    "openvino-in-graph": OpenVINOInGraph,
    "openvino-bfloat16-in-graph": OpenVINOBfloat16InGraph,
    "pytorch-in-graph": PyTorch,
}
REFERENCE = "litert"  # the label parity of all runtimes is measured against it


def why_not(runtime: type[Runtime]) -> str | None:
    """Why the runtime is unavailable, with the remedy if there is one; None if it is available."""
    missing = [name for name in runtime.packages if importlib.util.find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed; in the checkout: pip install -e '.[bench]'"
    if runtime.precision == "bfloat16" and not has_bfloat16():
        return "this processor does not compute in bfloat16"
    return None
