"""The PyTorch training that speeds are compared with trains as ours does. Runs where PyTorch is installed."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_batches import RECIPE, batches, small_network

from contextnet_tf.benchmarking.pytorch_baseline import TorchProcess
from contextnet_tf.benchmarking.training_step import bare_step
from contextnet_tf.deployment.portable.from_keras import portable_graph_of
from contextnet_tf.deployment.portable.graph import PortableGraph, Step
from contextnet_tf.deployment.portable.operations import BatchNorm, ChannelDropout, Dropout, Normalize
from contextnet_tf.errors import InputError


def test_losses_of_the_first_steps_agree():
    pytest.importorskip("torch")
    recipe = dataclasses.replace(RECIPE, ema_decay=0.0, class_weight_exponent=0.0, base_learning_rate=1e-3)
    images, labels = batches(1)[0]
    # A schedule so long that its rate stays that of its beginning.
    batch = {"image": tf.constant(images), "label": tf.constant(labels)}
    ours = bare_step(small_network(frozen=False), recipe, 10**6, batch)
    with TorchProcess(small_network(frozen=False), recipe, images, labels) as theirs:
        np.testing.assert_allclose([ours() for _ in range(5)], [theirs.step(1) for _ in range(5)], rtol=2e-4)
        assert theirs.fastest_threads() >= 1


def test_a_graph_for_training_keeps_batch_norm_dropout_and_all_outputs():
    image = keras.Input((4, 6, 3))
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="conv")(image)
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=0.01, name="norm")(x)
    aux = keras.layers.Conv2D(2, 1, name="aux")(x)
    network = keras.Model(image, {"main": keras.layers.Dropout(0.25, name="drop")(x), "aux": aux})

    graph = portable_graph_of(network, training=True)
    assert [step.layer for step in graph.steps] == ["conv", "norm", *(x.layer for x in graph.steps[2:])]
    norm = graph.steps[1].operation
    assert isinstance(norm, BatchNorm) and (norm.momentum, norm.epsilon) == (0.9, 0.01)
    assert norm.scale.tolist() == norm.variance.tolist() == [1, 1] and norm.offset.tolist() == [0, 0]
    by_output = {name: graph.steps[number - 1] for name, number in graph.outputs.items()}
    assert by_output["main"].operation == Dropout(0.25) and by_output["aux"].layer == "aux"
    # The value of the batch normalization is used by both; only the later one is the last.
    assert sorted(len(step.last_used) for step in by_output.values()) == [0, 1]

    inference = portable_graph_of(network)
    assert [type(step.operation) for step in inference.steps][1:] == [Normalize] and inference.outputs == {"main": 2}


def test_dropout_of_channels_stays_in_training():
    image = keras.Input((4, 6, 3))
    network = keras.Model(image, {"main": keras.layers.SpatialDropout2D(0.1)(keras.layers.Conv2D(2, 1)(image))})
    assert portable_graph_of(network, training=True).steps[1].operation == ChannelDropout(0.1)
    assert len(portable_graph_of(network).steps) == 1


def test_pytorch_drops_whole_channels():
    torch = pytest.importorskip("torch")
    from contextnet_tf.benchmarking.torch_network import TorchNetwork

    step = Step(ChannelDropout(0.5), (0,), ())
    dropped = TorchNetwork(PortableGraph((8, 8), (step,), {"main": 1})).train()(torch.ones(4, 16, 8, 8))["main"]
    by_channel = dropped.reshape(64, 64)
    assert sorted(set(by_channel.flatten().tolist())) == [0.0, 2.0]
    assert bool((by_channel == by_channel[:, :1]).all())


def test_a_recipe_of_another_optimizer_is_refused():
    recipe = dataclasses.replace(RECIPE, optimizer=object())
    with pytest.raises(InputError, match="the PyTorch baseline is written for AdamW; try `recipe=short`"):
        TorchProcess(small_network(frozen=False), recipe, *batches(1)[0])
