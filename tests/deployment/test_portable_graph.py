"""A network's plan, and the networks of other libraries that are built from it."""

import keras
import numpy as np
import pytest
from keras import layers
from portable_networks import NETWORKS, REGISTERED, network_of, network_of_places

from contextnet_tf.benchmarking.runtimes.registry import RUNTIMES
from contextnet_tf.deployment.network import at_size
from contextnet_tf.deployment.portable.any_size import portable_graph_of_any_size
from contextnet_tf.deployment.portable.from_keras import portable_graph_of
from contextnet_tf.deployment.portable.graph import Step, rotated_for_pytorch
from contextnet_tf.deployment.portable.operations import (
    Convolution,
    Item,
    Pool,
    PoolWithIndices,
    ReLU,
    Resize,
    TransposedConvolution,
    Unpool,
)
from contextnet_tf.errors import InputError
from contextnet_tf.models.pyramid import AveragePoolingTo, ResizeLike
from contextnet_tf.models.registry import build_model, model_names
from contextnet_tf.models.unpooling import MaxPoolingWithIndices, MaxUnpooling

every_network = pytest.mark.parametrize("name", [*NETWORKS, *REGISTERED])


def image_and_logits(network):
    image = np.random.default_rng(1).integers(0, 256, (*network.input_shape[1:3], 3), np.uint8)
    return image, network(image[np.newaxis].astype(np.float32) / 255)["main"].numpy()[0]


def test_a_plan_by_hand():
    image = keras.Input((4, 6, 3))
    x = layers.AveragePooling2D(2, name="pool")(image)
    x = layers.Conv2D(2, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = layers.Dropout(0.5, name="dropout")(layers.ReLU(6.0, name="relu6")(x))
    network = keras.Model(image, {"main": layers.UpSampling2D((4, 3), interpolation="bilinear", name="main")(x)})
    plan = portable_graph_of(network)
    assert plan.size == (4, 6)
    pool, convolution, relu, resize = plan.steps
    assert pool == Step(Pool("average", (2, 2), (2, 2), (0, 0, 0, 0)), (0,), (0,))
    # 2 x 3 features, windows of 3 every 2: one row is missing, which comes at the end; of columns one at either side.
    kernel = convolution.operation.kernel
    assert isinstance(convolution.operation, Convolution) and convolution.operation.padding == (0, 1, 1, 1)
    assert kernel.shape == (2, 3, 3, 3) and convolution.operation.bias.tolist() == [0, 0]
    assert kernel[1, 2, 0, 1] == network.get_layer("conv").kernel.numpy()[0, 1, 2, 1]
    assert relu == Step(ReLU(6.0), (2,), (2,))
    assert resize == Step(Resize((4, 6)), (3,), (3,)) and resize.operation.factors == (4, 3)


def test_a_value_is_kept_until_its_last_use():
    image = keras.Input((8, 8, 3))
    x = layers.ReLU()(image)
    y = layers.ReLU(6.0)(x)
    plan = portable_graph_of(keras.Model(image, {"main": layers.Add()([y, x])}))
    assert [(step.inputs, step.last_used) for step in plan.steps] == [((0,), (0,)), ((1,), ()), ((2, 1), (2, 1))]


def test_a_graph_for_any_size():
    network = build_model("cn14", num_classes=3, input_shape=(None, None, 3))
    graph = portable_graph_of_any_size(network)
    assert graph.size is None and len(graph.steps) == len(portable_graph_of(at_size(network, (64, 96))).steps)
    resized = [step for step in graph.steps if isinstance(step.operation, Resize)]
    assert [(step.layer, step.operation.factors) for step in resized] == [
        ("fusion_context_upsample", (4, 4)), ("main", (8, 8)),
    ]  # fmt: skip
    image = keras.Input((None, None, 3))
    pooled = keras.Model(image, {"main": ResizeLike()(AveragePoolingTo(1, name="average")(image), image)}, name="own")
    with pytest.raises(InputError, match="network 'own': layer 'average' depends on the size of the image; export"):
        portable_graph_of_any_size(pooled)


@every_network
def test_pytorch_gives_the_same_logits(name):
    torch = pytest.importorskip("torch")
    from contextnet_tf.benchmarking.torch_network import TorchNetwork

    network = network_of(name)
    image, expected = image_and_logits(network)
    for plan in (portable_graph_of(network), rotated_for_pytorch(portable_graph_of(network))):
        way = -1 if plan.rotated else 1
        module = TorchNetwork(plan).to(memory_format=torch.channels_last)
        turned = np.ascontiguousarray(image[::way, ::way]).transpose(2, 0, 1)
        with torch.inference_mode():
            logits = module(torch.tensor(turned)[None].float() / 255)["main"][0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(logits[::way, ::way], expected, atol=2e-5 * np.abs(expected).max())


def test_a_turned_plan_by_hand():
    image = keras.Input((4, 6, 3))
    x = layers.Conv2D(2, 3, strides=2, padding="same", name="conv")(image)
    plan = portable_graph_of(keras.Model(image, {"main": layers.UpSampling2D(2, interpolation="bilinear")(x)}))
    (convolution, resize), (before, _) = rotated_for_pytorch(plan).steps, plan.steps
    assert before.operation.padding == (0, 1, 0, 1) and convolution.operation.padding == (1, 0, 1, 0)
    assert convolution.operation.kernel[1, 0, 0, 2] == before.operation.kernel[1, 0, 2, 0]
    assert resize.operation == Resize((4, 6))
    assert rotated_for_pytorch(plan).rotated and not plan.rotated


def test_places_by_hand():
    image = keras.Input((4, 6, 3))
    pooled, places = MaxPoolingWithIndices()(image)
    plan = portable_graph_of(keras.Model(image, {"main": MaxUnpooling()(pooled, places)}))
    assert plan.steps == (
        Step(PoolWithIndices(), (0,), (0,)),
        Step(Item(0), (1,), ()),
        Step(Item(1), (1,), (1,)),
        Step(Unpool(), (2, 3), (2, 3)),
    )
    assert rotated_for_pytorch(plan) is plan  # turned, the last of equal maxima would count


def test_transposed_convolutions_by_hand():
    # Length 3 becomes 6; the whole result of a kernel of 3 with stride 2 has 7, of which the last falls away.
    image = keras.Input((3, 5, 3))
    layer = layers.Conv2DTranspose(2, 3, strides=2, padding="same", use_bias=False)
    (step,) = portable_graph_of(keras.Model(image, {"main": layer(image)})).steps
    assert step.operation.cropping == (0, 1, 0, 1) and step.operation.bias.tolist() == [0, 0]
    assert step.operation.kernel.shape == (3, 2, 3, 3)
    assert step.operation.kernel[2, 1, 0, 1] == layer.kernel.numpy()[0, 1, 1, 2]


def test_rows_that_windows_leave_over_are_known():
    image = keras.Input((10, 8, 3))
    x = layers.AveragePooling2D((4, 3), strides=(4, 3))(image)
    (pool,) = portable_graph_of(keras.Model(image, {"main": x})).steps
    assert pool.operation == Pool("average", (4, 3), (4, 3), (0, -2, 0, -2))


@pytest.mark.parametrize("name", model_names())
def test_every_network_has_a_plan(name):
    plan = portable_graph_of(build_model(name, num_classes=3, input_shape=(64, 128, 3)))
    assert plan.size == (64, 128)
    last = plan.steps[-1].operation
    own = {"segnet": Convolution, "enet": TransposedConvolution, "erfnet": TransposedConvolution}
    if name in own:  # logits of full size
        assert type(last) is own[name]
    else:
        assert last == Resize((64, 128))


def test_what_openvino_does_not_read_is_told(tmp_path):
    with pytest.raises(InputError, match="OpenVINO cannot read unpooling from ONNX files"):
        RUNTIMES["openvino-bfloat16-in-graph"].write(network_of_places(), tmp_path / "openvino.onnx", ())


def test_what_has_no_counterpart_is_named():
    image = keras.Input((8, 8, 3))
    network = keras.Model(image, {"main": layers.ELU(name="curve")(image)}, name="mine")
    message = (
        "layer 'curve', of type ELU, cannot be converted for other libraries; supported types: Add, AveragePooling"
    )
    with pytest.raises(InputError, match=message):
        portable_graph_of(network)
    for layer, what in (
        (layers.Conv2D(3, 1, activation="relu", name="layer"), "a nonlinearity inside"),
        (layers.ReLU(negative_slope=0.1, name="layer"), "a slope or a threshold"),
        (layers.UpSampling2D(interpolation="nearest", name="layer"), "an interpolation that is not bilinear"),
        (layers.AveragePooling2D(3, 1, padding="same", name="layer"), "averages that pad"),
        (layers.PReLU(name="layer"), "slopes that are not one per channel"),
        (layers.Conv2DTranspose(3, 1, strides=2, padding="same", name="layer"), "a kernel smaller than its stride"),
        (layers.BatchNormalization(1, name="layer"), "an axis other than the channels"),
    ):
        with pytest.raises(InputError, match=f"layer 'layer': has {what}, which cannot be converted"):
            portable_graph_of(keras.Model(image, {"main": layer(image)}))
