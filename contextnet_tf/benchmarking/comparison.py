"""Compares runtimes in one run: by threads, sequential (one frame at a time) or pipelined (a stream)."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import keras
import numpy as np

from contextnet_tf.benchmarking.process import MeasuredWork, measure
from contextnet_tf.benchmarking.runtimes.registry import REFERENCE, RUNTIMES
from contextnet_tf.benchmarking.runtimes.runtime import Runtime
from contextnet_tf.benchmarking.runtimes.upsampling import FACTOR, DenseUpsampling, ExactUpsampling
from contextnet_tf.benchmarking.work import OneFrame, Stream, Work
from contextnet_tf.deployment.engines import ENGINES
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.models.contextnet import build_contextnet
from contextnet_tf.models.network import spec_of
from contextnet_tf.runs.benchmarks import RuntimeRow, UpsamplingRow

STREAM_FRAMES = 8  # per sample of a pipelined row: a multiple of 2, 4 and 8 cores
LEAST_PARITY = 0.99  # of float32 runtimes with the reference: allows only rounding ties, even with random weights


@dataclasses.dataclass(frozen=True)
class Case:
    """A row: the network named `model` in the runtime named `runtime`."""

    model: str
    runtime: str
    threads: int
    pipelined: bool = False


def cases_of(model: str, runtimes: Sequence[str], thread_counts: Sequence[int], modes: Sequence[str]) -> list[Case]:
    """The rows of `model` in each runtime: one per number of threads if `modes` has "sequential", and one if it has
    "pipelined" and the runtime has that mode."""
    cases = []
    for runtime in runtimes:
        if "sequential" in modes:
            cases += [Case(model, runtime, count) for count in thread_counts]
        if "pipelined" in modes and RUNTIMES[runtime].engine:
            cases.append(Case(model, runtime, 1, pipelined=True))
    return cases


@dataclasses.dataclass(frozen=True)
class UpsamplingCase:
    """The upsampling alone, of the logits of `model` ("network") or of noise of the same size ("noise")."""

    model: str
    logits: str
    runtime: type[Runtime]


class Comparison:
    """The measurement of several cases at one image size.

    Attributes:
      left_out: "runtime title, model" -> reason why the runtime cannot run the network.
    """

    def __init__(self, folder: pathlib.Path, frames: np.ndarray):
        """Uses the empty directory `folder`; `frames` are uint8 [N, H, W, 3], N at least 2."""
        self.left_out: dict[str, str] = {}
        self._folder, self._frames, self._frames_path = folder, frames, folder / "frames.npy"
        np.save(self._frames_path, frames)
        self._works: dict[Case | UpsamplingCase, tuple[Work, pathlib.Path]] = {}
        self._references: dict[str, np.ndarray] = {}

    def add(self, network: keras.Model, cases: Sequence[Case]) -> None:
        """Writes the files of the folded `network`, built for the frames' size, for its `cases`."""
        folder = self._folder / cases[0].model
        folder.mkdir()
        reference = self._written(RUNTIMES[REFERENCE], network, folder)
        self._references[cases[0].model] = Segmenter(reference, num_threads=1).segment(self._frames[0])
        for case in cases:
            runtime = RUNTIMES[case.runtime]
            try:
                path = self._written(runtime, network, folder)
            except InputError as error:
                self._leave_out(case, error)
                continue
            work: Work = OneFrame(runtime, path, case.threads)
            if case.pipelined:
                assert runtime.engine is not None  # see `cases_of`
                work = Stream(runtime.engine, path, case.threads, STREAM_FRAMES)
            self._works[case] = work, self._frames_path

    def add_upsampling(self, model: str) -> None:
        """Adds the upsampling of the logits of `model`, a network added before, and of noise.

        Does nothing if the network's logits are not at 1/8 of the image size.
        """
        engine = ENGINES["litert"](self._folder / model / RUNTIMES[REFERENCE].file, 1)
        logits = np.stack([engine.logits(frame) for frame in self._frames])
        if FACTOR * logits.shape[1] != self._frames.shape[1]:
            return
        noise = np.random.default_rng(0).standard_normal(logits.shape, np.float32)
        for kind, values in {"network": logits, "noise": noise}.items():
            path = self._folder / f"{kind}.npy"
            np.save(path, values)
            for runtime in (ExactUpsampling, DenseUpsampling):
                self._works[UpsamplingCase(model, kind, runtime)] = OneFrame(runtime, path, 1), path

    def run(
        self, *, rounds: int, warm_up: int, on_start: Callable[[int], None], on_sample: Callable[[], None]
    ) -> tuple[list[RuntimeRow], list[UpsamplingRow]]:
        """Measures all added cases; returns the rows of runtimes and of upsampling.

        For `on_start` and `on_sample` see `measure`.

        Raises:
          InputError: the label parity of a float32 runtime with LiteRT and exact upsampling is below `LEAST_PARITY`, or
            its process ends during the timing.
        """
        measured = measure(
            self._works,
            rounds=rounds,
            warm_up=warm_up,
            on_labels=self._check_labels,
            on_failure=self._leave_out,
            on_start=on_start,
            on_sample=on_sample,
        )
        size = self._frames.shape[1:3]
        rows = [self._row(key, found, size) for key, found in measured.items() if isinstance(key, Case)]
        upsampling = [
            UpsamplingRow(
                model=key.model,
                size=size,
                logits=key.logits,
                exact_milliseconds=found.timing.milliseconds,
                dense_milliseconds=measured[dataclasses.replace(key, runtime=DenseUpsampling)].timing.milliseconds,
            )
            for key, found in measured.items()
            if isinstance(key, UpsamplingCase) and key.runtime is ExactUpsampling
        ]
        return rows, upsampling

    def _written(self, runtime: type[Runtime], network: keras.Model, folder: pathlib.Path) -> pathlib.Path:
        path = folder / runtime.file
        if not path.exists():
            runtime.write(network, path, list(self._frames))
        return path

    def _leave_out(self, key: Case | UpsamplingCase, error: InputError) -> None:
        if isinstance(key, UpsamplingCase):
            raise error
        self.left_out[f"{RUNTIMES[key.runtime].title}, {key.model}"] = str(error)

    def _parity(self, case: Case, labels: np.ndarray) -> float:
        return float(np.mean(labels == self._references[case.model]))

    def _check_labels(self, key: Case | UpsamplingCase, labels: np.ndarray) -> None:
        if isinstance(key, UpsamplingCase):  # a test verifies that both give the same labels
            return
        runtime, parity = RUNTIMES[key.runtime], self._parity(key, labels)
        if runtime.precision == "float32" and parity < LEAST_PARITY:
            raise InputError(
                f"{runtime.title}: only {parity:.2%} of the labels of {key.model} equal LiteRT's, {LEAST_PARITY:.0%} "
                f"are needed; leave out {key.runtime}"
            )

    def _row(self, case: Case, found: MeasuredWork, size: tuple[int, int]) -> RuntimeRow:
        timing = found.timing
        return RuntimeRow(
            model=case.model,
            size=size,
            runtime=case.runtime,
            title=RUNTIMES[case.runtime].title,
            threads=case.threads,
            mode="pipelined" if case.pipelined else "sequential",
            milliseconds_median=timing.milliseconds,
            milliseconds_spread=timing.spread,
            frames_per_second=timing.frames_per_second,
            parts={} if case.pipelined else dict(timing.parts),
            peak_memory=found.peak_memory,
            label_parity=self._parity(case, found.labels),
        )


def upsampled_last(network: keras.Model) -> keras.Model | None:
    """The ContextNet with the same weights and the fusion order "upsample last", for any input size.

    None for other networks than ContextNets of two branches. Outputs differ at the image border: see
    `models.contextnet.context_path`.
    """
    spec = spec_of(network)
    if spec is None or spec.branches != "all":
        return None
    other = build_contextnet(
        dataclasses.replace(spec, fusion_order="upsample last"),
        num_classes=network.output["main"].shape[-1],
        input_shape=(None, None, 3),
    )
    own = {layer.name: layer.get_weights() for layer in network.layers}
    for layer in other.layers:
        weights = own.get(layer.name, [])
        if [value.shape for value in weights] != [tuple(weight.shape) for weight in layer.weights]:
            return None  # for example pruned, with an unchanged name
        layer.set_weights(weights)
    return other
