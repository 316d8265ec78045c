# The public names and their modules, one name per line: `__init__.py` reads this file.

from contextnet_tf.analysis.branches import zero_branch as zero_branch
from contextnet_tf.analysis.complexity import count_multiply_adds as count_multiply_adds
from contextnet_tf.analysis.complexity import count_parameters as count_parameters
from contextnet_tf.analysis.ensemble import ensemble as ensemble
from contextnet_tf.compression.fold import fold_batch_norm as fold_batch_norm
from contextnet_tf.compression.prune import prune_filters as prune_filters
from contextnet_tf.compression.prune import pruning_groups as pruning_groups
from contextnet_tf.datasets.catalog import dataset_names as dataset_names
from contextnet_tf.datasets.catalog import get_dataset as get_dataset
from contextnet_tf.deployment.export import export_saved_model as export_saved_model
from contextnet_tf.deployment.export import export_tflite as export_tflite
from contextnet_tf.deployment.onnx_export import export_onnx as export_onnx
from contextnet_tf.deployment.segmenter import Segmenter as Segmenter
from contextnet_tf.deployment.upsample import upsample_argmax as upsample_argmax
from contextnet_tf.errors import InputError as InputError
from contextnet_tf.evaluation.confusion import ConfusionMatrix as ConfusionMatrix
from contextnet_tf.evaluation.evaluate import Report as Report
from contextnet_tf.evaluation.evaluate import evaluate as evaluate
from contextnet_tf.models.loading import load_network as load_network
from contextnet_tf.models.network import spec_of as spec_of
from contextnet_tf.models.registry import build_model as build_model
from contextnet_tf.models.registry import model_names as model_names
from contextnet_tf.models.spec import VARIANTS as VARIANTS
from contextnet_tf.models.spec import ContextNetSpec as ContextNetSpec
from contextnet_tf.presets import load_preset as load_preset
from contextnet_tf.presets import preset_names as preset_names
from contextnet_tf.training.loop import TrainResult as TrainResult
from contextnet_tf.training.recipe import PAPER as PAPER
from contextnet_tf.training.recipe import Recipe as Recipe
from contextnet_tf.training.train import train as train

__all__: list[str]
