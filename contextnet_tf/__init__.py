"""ContextNet (Poudel, Bonde, Zach, 2018) in TensorFlow 2 and Keras: real-time street segmentation,
from images to files for embedded devices."""

from contextnet_tf.analysis.branches import zero_branch
from contextnet_tf.analysis.complexity import count_multiply_adds, count_parameters
from contextnet_tf.analysis.ensemble import ensemble
from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.compression.prune import prune_filters, pruning_groups
from contextnet_tf.datasets.catalog import dataset_names, get_dataset
from contextnet_tf.deployment.export import export_saved_model, export_tflite
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.confusion import ConfusionMatrix
from contextnet_tf.evaluation.evaluate import Report, evaluate
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.network import spec_of
from contextnet_tf.models.registry import build_model, model_names
from contextnet_tf.models.spec import VARIANTS, ContextNetSpec
from contextnet_tf.presets import load_preset, preset_names
from contextnet_tf.training.loop import TrainResult
from contextnet_tf.training.recipe import PAPER, Recipe
from contextnet_tf.training.train import train

__all__ = [
    "PAPER",
    "VARIANTS",
    "ConfusionMatrix",
    "ContextNetSpec",
    "InputError",
    "Recipe",
    "Report",
    "Segmenter",
    "TrainResult",
    "build_model",
    "count_multiply_adds",
    "count_parameters",
    "dataset_names",
    "ensemble",
    "evaluate",
    "export_saved_model",
    "export_tflite",
    "fold_batch_norm",
    "get_dataset",
    "load_network",
    "load_preset",
    "model_names",
    "preset_names",
    "prune_filters",
    "pruning_groups",
    "spec_of",
    "train",
    "zero_branch",
]
