"""The sections of result.json on time and memory: of networks, runtimes, data loading and training steps."""

import dataclasses
from typing import Any

from contextnet_tf.runs.records import Record
from contextnet_tf.runs.sections import Measured, Size


@dataclasses.dataclass(frozen=True)
class RuntimeRow(Record):
    """The speed of one network in one runtime at one image size.

    Attributes:
      runtime, title: name of the runtime, and its display name.
      mode: "sequential" or "pipelined".
      milliseconds_spread: 10th and 90th percentile.
      parts: milliseconds by name: copying, network, upsampling.
      peak_memory: peak memory of the process in bytes, minus its memory before it loaded the network.
      label_parity: share of the pixels with the same label as in LiteRT.
    """

    model: str
    size: Size
    runtime: str
    title: str
    threads: int
    mode: str
    milliseconds_median: float
    milliseconds_spread: tuple[float, float]
    frames_per_second: float
    parts: dict[str, float]
    peak_memory: int
    label_parity: float


@dataclasses.dataclass(frozen=True)
class UpsamplingRow(Record):
    """Milliseconds from logits to labels, exact and by TensorFlow's resize. `logits`: "network" or "noise"."""

    model: str
    size: Size
    logits: str
    exact_milliseconds: float
    dense_milliseconds: float


@dataclasses.dataclass(frozen=True)
class RuntimeComparisonSection(Measured):
    """The result of compare_runtime.

    `left_out`: title of a runtime -> why it was not measured. `distributions`: packages whose versions affect speed.
    """

    weights: str
    frames: str
    rounds: int
    warm_up: int
    distributions: tuple[str, ...]
    left_out: dict[str, str]
    rows: tuple[RuntimeRow, ...]
    upsampling: tuple[UpsamplingRow, ...] = ()


@dataclasses.dataclass(frozen=True)
class InputCost(Record):
    """The cost of one image: wall-clock milliseconds, and processor milliseconds summed over all cores."""

    milliseconds: float
    core_milliseconds: float

    @property
    def images_per_second(self) -> float:
        """Throughput by wall-clock time."""
        return 1000.0 / self.milliseconds


@dataclasses.dataclass(frozen=True)
class InputSection(Measured):
    """The result of benchmark_input: the cost of each stage, by crop size."""

    images: int
    rounds: int
    batch_size: int
    crops: dict[str, dict[str, InputCost]]


@dataclasses.dataclass(frozen=True)
class StepMemoryRow(Record):
    """Memory of a process in bytes, before the first step and at its peak; `simple`: with a plain Keras step."""

    images: int
    simple: bool
    before: int
    peak: int

    @property
    def of_the_step(self) -> int:
        """The memory of the step itself in bytes."""
        return self.peak - self.before


@dataclasses.dataclass(frozen=True)
class TrainingSpeedSection(Measured):
    """The result of benchmark_training; `seconds_a_step` by implementation of the step."""

    model: str
    recipe: dict[str, Any]
    crop_size: Size
    steps: int
    seconds_a_step: dict[str, float]
    input_wait_share: float
    memory_size: Size | None
    memory: tuple[StepMemoryRow, ...]


@dataclasses.dataclass(frozen=True)
class NetworkOverview(Record):
    """Size and cost of an untrained network.

    Attributes:
      layers: number of convolutions.
      receptive_field: (height, width) in pixels that one logit can depend on; None: the whole image.
      parameters: batch normalization folded.
      parameters_as_trained: not folded, moving statistics included.
      multiply_adds: for one image, by its size as "HEIGHTxWIDTH".
    """

    name: str
    layers: int
    receptive_field: tuple[float, float] | None
    parameters: int
    parameters_as_trained: int
    multiply_adds: dict[str, int]
