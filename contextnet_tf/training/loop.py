"""The training loop of one run: its steps, validations and checkpoints."""

import dataclasses
import logging
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.cache import ImageCache
from contextnet_tf.errors import InputError, Stopped
from contextnet_tf.evaluation.evaluate import Report, evaluate, segmentation
from contextnet_tf.files import atomic_write
from contextnet_tf.models import graph
from contextnet_tf.models.batch_statistics import reestimate_batch_statistics
from contextnet_tf.models.loading import BEST_NETWORK, load_network
from contextnet_tf.models.outputs import without_aux_heads
from contextnet_tf.runs import layout
from contextnet_tf.runs.history import MEAN_IOU, PIXEL_ACCURACY, History
from contextnet_tf.training.checkpoints import Checkpoints, model_variables, optimizer_variables
from contextnet_tf.training.compute_config import CheckpointPolicy, ComputeConfig
from contextnet_tf.training.monitoring import Board, StepTimer, memory_in_use
from contextnet_tf.training.plan import TrainingPlan
from contextnet_tf.training.precision import LossScale, clone_network
from contextnet_tf.training.step import make_training_step, update_ema

_RECORD_STEPS = 10  # steps between two points of the curves

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """The result of a run. `report` and `network_path` belong to the best validation.

    Without validation images `report` is None, and the network is the one of the last step.
    """

    report: Report | None
    network_path: pathlib.Path
    best_step: int
    steps: int
    minutes: float


@dataclasses.dataclass
class _Progress:
    """The progress of a run; saved in its checkpoints."""

    step: int = 0
    seconds: float = 0.0
    history_length: int = 0
    validated_step: int = 0
    best_step: int = 0
    best_mean_iou: float = -1.0


class TrainingLoop:
    """The variables of one run, and the steps that update them."""

    def __init__(
        self,
        model: keras.Model,
        plan: TrainingPlan,
        folder: pathlib.Path,
        checkpoint_policy: CheckpointPolicy,
        cache: ImageCache | None,
        compute_config: ComputeConfig,
        settings: Mapping[str, Any],
    ):
        self._settings = settings
        self._model, self._plan, self._folder, self._cache = model, plan, folder, cache
        self._devices = compute_config.devices
        with self._devices.strategy.scope():
            optimizer = plan.recipe.optimizer.build(plan.schedule())
            loss_scale = LossScale() if compute_config.dtype_policy == "mixed_float16" else None
        self._network = without_aux_heads(model)
        self._ema = clone_network(self._network, dtype_policy="float32")
        self._segment = segmentation(self._ema)
        self._training_step = make_training_step(
            model,
            self._network,
            self._ema,
            optimizer,
            plan.recipe,
            plan.class_weights(),
            compute_config,
            loss_scale,
        )
        self._sampling = plan.sampling()
        self._progress = _Progress()
        self._save_seconds = 60.0 * checkpoint_policy.minutes
        self._timer = StepTimer(
            plan.recipe.batch_size, validation_steps=plan.validation_steps(), save_seconds=self._save_seconds
        )
        self._checkpoints = Checkpoints(
            folder / layout.CHECKPOINTS,
            {
                "model": _values(model_variables(model)),
                "optimizer": _values(optimizer_variables(optimizer)),
                "loss_scale": {variable.name: variable for variable in loss_scale.variables} if loss_scale else {},
                "ema": _values(model_variables(self._ema)),
            },
            checkpoint_policy.keep,
        )

    def restore(self) -> None:
        """Restores the newest undamaged checkpoint; without a checkpoint the run starts at step 0.

        Raises:
          InputError: there is a best network but no such checkpoint: to start again would overwrite that network.
        """
        notes = self._checkpoints.restore()
        if not notes and (self._folder / BEST_NETWORK).exists():
            raise InputError(
                f"{self._folder}: holds a {BEST_NETWORK}, but no undamaged checkpoint to resume from; restore "
                f"{layout.CHECKPOINTS}/, or choose another `output_dir` to train again"
            )
        if notes:
            self._progress = _Progress(**notes["progress"])
            _logger.info("resumes from step %d of %d", self._progress.step, self._plan.steps)
        self._history = History(self._folder / layout.HISTORY, self._progress.history_length)
        self._board = Board(self._folder / layout.TENSORBOARD, self._plan.dataset)

    def finish(self, on_step: Callable, on_validation: Callable, should_stop: Callable[[], bool]) -> None:
        """Runs the remaining steps, validations and checkpoints."""
        progress = self._progress
        if progress.validated_step and not self._has_best_network():
            _logger.warning("%s: is missing, damaged or another network; validating again", self._folder / BEST_NETWORK)
            progress.best_step, progress.best_mean_iou, progress.validated_step = 0, -1.0, 0
        self._started = self._saved = time.monotonic()
        self._started -= progress.seconds
        self._unread = None  # (step, metrics) that the device may still compute
        if self._plan.is_validated(progress.step) and progress.validated_step < progress.step:
            self._validate(on_validation, should_stop)
        batches = self._plan.batches(
            progress.step,
            self._plan.steps,
            self._sampling,
            self._cache,
            worker=self._devices.worker,
            workers=self._devices.workers,
        )
        for batch in self._timer.waiting(batches):
            figures = self._training_step(batch)
            # Metrics are read one step late to keep the device busy.
            self._read_figures(on_step)
            progress.step += 1
            self._unread = progress.step, figures
            self._timer.end_step()
            validated, stopped = self._plan.is_validated(progress.step), self._devices.any_true(should_stop())
            if validated or stopped or time.monotonic() - self._saved >= self._save_seconds:
                self._read_figures(on_step)
                self._save()
            if stopped:
                self._stop()
            if validated:
                self._validate(on_validation, should_stop)
        self._board.close()

    def result(self, should_stop: Callable[[], bool]) -> TrainResult:
        """The result of the run; evaluates the best network again from its file."""
        path = self._folder / BEST_NETWORK
        report = None
        if self._plan.val_examples:
            report = evaluate(
                load_network(path),
                self._plan.dataset,
                self._plan.val_examples,
                on_image=lambda: should_stop() and self._stop(),
            )
        return TrainResult(
            report=report,
            network_path=path,
            best_step=self._progress.best_step,
            steps=self._plan.steps,
            minutes=self._progress.seconds / 60.0,
        )

    def _read_figures(self, on_step: Callable) -> None:
        """Reads and reports the metrics of the last step, if not done yet."""
        if self._unread is None:
            return
        step, figures = self._unread
        self._unread = None
        record = {name: float(value) for name, value in figures.items()}
        if not np.isfinite(record["loss"]):
            raise self._diverged("the loss is not finite", step)
        speed = self._timer.speed()
        left = self._timer.seconds_left(self._plan.steps - step, self._plan.validations_after(step))
        on_step(step, self._plan.steps, record | speed | {"seconds_left": left})
        if step % _RECORD_STEPS == 0 or step == self._plan.steps:
            self._history.append(step, self._plan.epoch(step), record | speed)
            self._board.scalars("train", step, record | speed)
            self._board.scalars("memory", step, memory_in_use())

    def _validate(self, on_validation: Callable, should_stop: Callable[[], bool]) -> None:
        """Validates the network, keeps it if it is the best so far, and saves a checkpoint.

        Without validation images the network is kept unconditionally.
        """
        progress = self._progress
        if not self._plan.recipe.ema_decay:
            update_ema(self._ema, self._network, 0.0)
        with self._timer.validation():
            reestimate_batch_statistics(self._ema, self._first_images())
            self._require_finite_weights(self._ema)
            if not self._plan.val_examples:
                self._keep_network()
                progress.validated_step = progress.step
                self._save()
                return
            report = evaluate(
                self._segment,
                self._plan.dataset,
                self._plan.val_examples,
                on_image=lambda: should_stop() and self._stop(),
            )
            if not np.isfinite(report.mean_iou):
                raise InputError(
                    f"{self._plan.dataset.name}: the validation images have no pixel whose class is known; correct "
                    "their labels, then run the same command again: the run resumes at this validation"
                )
            self._history.append(
                progress.step,
                self._plan.epoch(progress.step),
                {MEAN_IOU: report.mean_iou, PIXEL_ACCURACY: report.pixel_accuracy},
            )
            self._board.validation(progress.step, report, self._segment, self._plan.val_examples)
            if report.mean_iou > progress.best_mean_iou:
                self._keep_network()
                progress.best_mean_iou = report.mean_iou
            progress.validated_step = progress.step
            self._save()
        best = progress.best_mean_iou, progress.best_step
        _logger.info("step %d: validation mean IoU %.4f, best %.4f of step %d", progress.step, report.mean_iou, *best)
        on_validation(progress.step, report)

    def _has_best_network(self) -> bool:
        """Whether the file of the best network exists, is undamaged, and has this run's network."""
        try:
            network = load_network(self._folder / BEST_NETWORK)
        except InputError:
            return False
        return _shapes(network) == _shapes(self._ema)

    def _keep_network(self) -> None:
        with atomic_write(self._folder / BEST_NETWORK) as temporary:
            self._ema.save(temporary)
        self._progress.best_step = self._progress.step

    def _first_images(self) -> Iterator[tf.Tensor]:
        """The images of the first training batches; identical for each call and each process."""
        count = self._plan.recipe.bn_recalibration_batches
        batches = self._plan.batches(0, count, self._sampling, self._cache) if count else ()
        return (batch["image"] for batch in batches)

    def _save(self) -> None:
        progress = self._progress
        self._require_finite_weights(self._model)
        with self._timer.saving():
            self._saved = time.monotonic()
            progress.seconds = self._saved - self._started
            progress.history_length = self._history.length
            self._checkpoints.save(
                progress.step,
                progress.best_step,
                {"progress": dataclasses.asdict(progress), "settings": self._settings},
            )
        _logger.debug("step %d: saved", progress.step)

    def _stop(self) -> NoReturn:
        raise Stopped(self._progress.step, self._plan.steps)

    def _require_finite_weights(self, model: keras.Model) -> None:
        # The loss was computed before the step updated the weights, and by the statistics of its own batch.
        try:
            graph.require_finite_weights(model)
        except InputError as error:
            raise self._diverged(str(error), self._progress.step) from None

    def _diverged(self, reason: str, step: int) -> InputError:
        checkpoints = self._folder / layout.CHECKPOINTS
        kept = f"the last good checkpoint is kept in {checkpoints}; " if any(checkpoints.glob("*.npz")) else ""
        return InputError(
            f"{reason} at step {step}; {kept}try a lower `learning_rate` or another `seed`, with another `output_dir`"
        )


def _values(variables: Mapping[str, keras.Variable]) -> dict[str, tf.Variable]:
    return {path: variable.value for path, variable in variables.items()}


def _shapes(model: keras.Model) -> dict[str, tuple[int, ...]]:
    return {path: tuple(variable.shape) for path, variable in model_variables(model).items()}
