"""The sections of result.json on what networks, runtimes, data loading and training steps cost in time and memory."""

import dataclasses
from typing import Any

from contextnet_tf.runs.records import Record
from contextnet_tf.runs.sections import Measured, Size


@dataclasses.dataclass(frozen=True)
class RuntimeRow(Record):
    """What one runtime took for one network at one image size.

    Attributes:
      runtime, title: its name in code and for people.
      mode: "sequential" or "pipelined".
      milliseconds_spread: 10th and 90th percentile.
      parts: milliseconds by name: copying, network, upsampling.
      peak_memory: bytes that the process held at most beyond what it had before it loaded the network.
      label_parity: share of the pixels that have LiteRT's label.
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
    """Milliseconds from logits to labels, exactly and by TensorFlow's resize. `logits`: "network" or "noise"."""

    model: str
    size: Size
    logits: str
    exact_milliseconds: float
    dense_milliseconds: float


@dataclasses.dataclass(frozen=True)
class RuntimeComparisonSection(Measured):
    """What compare_runtime measured. `left_out`: why, by title. `distributions`: those that took part."""

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
    """What one image costs: milliseconds by the clock, and of processor time on all cores together."""

    milliseconds: float
    core_milliseconds: float


@dataclasses.dataclass(frozen=True)
class InputSection(Measured):
    """What benchmark_input measured: the cost of each stage by the size of the crops."""

    images: int
    rounds: int
    batch_size: int
    crops: dict[str, dict[str, InputCost]]


@dataclasses.dataclass(frozen=True)
class StepMemoryRow(Record):
    """Bytes of a process before the first step and at most, by images in a step; `simple`: of a plain Keras step."""

    images: int
    simple: bool
    before: int
    peak: int


@dataclasses.dataclass(frozen=True)
class TrainingSpeedSection(Measured):
    """What benchmark_training measured; `seconds_a_step` by what ran the step."""

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
    """What a network is made of and costs, before it is trained.

    Attributes:
      layers: number of convolutions.
      receptive_field: (height, width) in pixels that one logit can depend on; None: the whole image.
      parameters: batch normalization folded.
      parameters_as_trained: all of them, moving statistics included.
      multiply_adds: for one image, by its size as "HEIGHTxWIDTH".
    """

    name: str
    layers: int
    receptive_field: tuple[float, float] | None
    parameters: int
    parameters_as_trained: int
    multiply_adds: dict[str, int]
