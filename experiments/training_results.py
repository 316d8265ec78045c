"""The sections of result.json that training writes: network and dataset at its start, best validation at its end."""

import keras

from contextnet_tf.analysis.complexity import count_layers, count_multiply_adds, count_parameters
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.deployment.network import at_size
from contextnet_tf.models.inputs import padded_size
from contextnet_tf.models.outputs import without_aux_heads
from contextnet_tf.models.sizes import size_multiple
from contextnet_tf.runs.provenance import Provenance
from contextnet_tf.runs.sections import Accuracy, ClassEntry, DatasetSection, EvaluationSection, ModelSection
from contextnet_tf.training.loop import TrainResult
from experiments.splits import Splits


def model_section(trained: keras.Model, dataset: Dataset) -> ModelSection:
    """The network, without auxiliary heads, at the size of the dataset's images."""
    size = padded_size(dataset.image_size, size_multiple(trained))
    network = at_size(without_aux_heads(trained), size)
    return ModelSection(
        name=network.name,
        num_classes=dataset.num_classes,
        input_size=size,
        parameters=count_parameters(network, folded=False),
        parameters_folded=count_parameters(network, folded=True),
        multiply_adds=count_multiply_adds(network),
        layers=count_layers(network),
    )


def dataset_section(dataset: Dataset, data_dir: str | None, data_splits: Splits, images: int) -> DatasetSection:
    """The dataset, with `images` validation images."""
    return DatasetSection(
        name=dataset.name,
        split=data_splits.validated or data_splits.train[0],  # an existing split: programs show its images
        images=images,
        data_dir=data_dir or dataset.default_data_dir,
        classes=tuple(ClassEntry(label.name, label.category, label.color) for label in dataset.classes),
        class_table=dataset.class_table,
    )


def evaluation_sections(
    result: TrainResult, dataset: Dataset, data_splits: Splits, provenance: Provenance
) -> list[EvaluationSection]:
    """The best validation; empty without validation."""
    if result.report is None:
        return []
    return [
        EvaluationSection(
            Accuracy.of(result.report),
            checkpoint=result.network_path.name,
            dataset=dataset.name,
            split=data_splits.label,
            provenance=provenance,
        )
    ]
