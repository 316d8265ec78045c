"""The rewriting engine by itself, on networks of a few layers; and the spec that its copies carry."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.rewrite import Subgraph, WithWeights, copy_layer, rewrite


def scale(factor, name, channels=2):
    """A layer that multiplies each channel by a factor, the smallest with a weight."""
    layer = layers.DepthwiseConv2D(1, use_bias=False, name=name)
    layer.build((None, None, None, channels))
    layer.set_weights([np.full((1, 1, channels, 1), factor)])
    return layer


def pixel(model, value=1.0, channels=2):
    """What the model gives for one pixel: floats, by output where it has several."""
    outputs = model(np.full((1, 1, 1, channels), value, np.float32))
    return keras.tree.map_structure(lambda x: np.ravel(x).tolist(), outputs)


def image(channels=2):
    return keras.Input((None, None, channels), name="image")


def chain(*all_layers, name="chain"):
    x = start = image()
    for layer in all_layers:
        x = layer(x)
    return keras.Model(start, x, name=name)


def test_without_a_change_it_is_a_copy_with_its_own_weights():
    model = chain(scale(2, "a"), scale(3, "b"))
    copy = rewrite(model)
    assert pixel(copy) == pixel(model) == [6, 6]
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers] == ["image", "a", "b"]
    assert (copy.name, copy.input.name, copy.input_shape) == ("chain", "image", (None, None, None, 2))
    copy.get_layer("a").set_weights([np.full((1, 1, 2, 1), 5)])
    assert (pixel(copy), pixel(model)) == ([15, 15], [6, 6])


def test_settings_of_layers_stay():
    model = chain(layers.ReLU(6, name="relu"), layers.Dropout(0.3, name="dropout", trainable=False))
    assert rewrite(model).get_config() == model.get_config()


def test_a_layer_is_replaced_and_takes_over_the_weights():
    def changed(layer):
        return copy_layer(layer, strides=2) if layer.name == "a" else layer

    model = chain(scale(2, "a"), scale(3, "b"))
    copy = rewrite(model, changed)
    assert copy(np.ones((1, 4, 4, 2))).shape == (1, 2, 2, 2)
    assert pixel(copy) == [6, 6]
    # The other one is shared.
    assert copy.get_layer("b") is model.get_layer("b") and copy.get_layer("a") is not model.get_layer("a")


def test_a_layer_is_replaced_with_weights_of_its_own():
    def changed(layer):
        return WithWeights(copy_layer(layer, use_bias=True), [np.full((1, 1, 2, 1), 7), np.full(2, 0.5)])

    assert pixel(rewrite(chain(scale(2, "a")), changed)) == [7.5, 7.5]


def test_weights_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="set_weights"):
        rewrite(chain(scale(2, "a")), lambda layer: copy_layer(layer, use_bias=True))


def test_a_layer_is_dropped():
    model = chain(first := scale(2, "a"), scale(3, "b"))
    copy = rewrite(model, drop=[first])
    assert pixel(copy) == [3, 3]
    assert [layer.name for layer in copy.layers] == ["image", "b"]


def test_a_sum_cannot_be_dropped():
    start = image()
    add = layers.Add(name="sum")
    model = keras.Model(start, add([start, scale(2, "a")(start)]))
    with pytest.raises(InputError, match="layer 'sum': cannot be dropped, as it takes or gives several tensors"):
        rewrite(model, drop=[add])


def test_a_part_is_computed_in_another_way():
    start = image()
    x = scale(2, "before")(start)
    y = scale(4, "c")(scale(3, "b")(x))
    model = keras.Model(start, layers.Add(name="sum")([x, y]))
    part = Subgraph(output=y, inputs=(x,), build=lambda z: scale(10, "new")(z))
    copy = rewrite(model, replace=[part])
    assert pixel(copy) == [2 + 20] * 2
    assert sorted(layer.name for layer in copy.layers) == ["before", "image", "new", "sum"]


def test_a_part_of_several_inputs():
    start = image()
    x, y = scale(2, "a")(start), scale(3, "b")(start)
    total = layers.Add(name="sum")([x, y])
    part = Subgraph(output=total, inputs=(y, x), build=lambda y, x: layers.Subtract(name="difference")([y, x]))
    assert pixel(rewrite(keras.Model(start, total), replace=[part])) == [1, 1]


def test_a_shared_layer_stays_shared():
    start = image()
    shared = scale(2, "shared")
    model = keras.Model(start, shared(scale(3, "a")(shared(start))))
    copy = rewrite(model)
    assert pixel(copy) == [12, 12]
    assert [layer.name for layer in copy.layers] == ["image", "shared", "a"]
    assert pixel(rewrite(model, drop=[shared])) == [3, 3]


def test_two_outputs_by_name():
    start = image()
    x = scale(2, "a")(start)
    model = keras.Model(start, {"small": x, "large": scale(5, "b")(x)})
    assert pixel(rewrite(model)) == {"small": [2, 2], "large": [10, 10]}
    part = Subgraph(output=x, inputs=(start,), build=lambda x: scale(3, "c")(x))
    assert pixel(rewrite(model, replace=[part])) == {"small": [3, 3], "large": [15, 15]}


def test_an_input_that_is_an_output_and_bare_operations():
    start = image()
    model = keras.Model(start, {"same": start, "more": ops.add(start, 1.0)})
    assert pixel(rewrite(model)) == {"same": [1, 1], "more": [2, 2]}


def test_a_layer_of_two_outputs():
    start = image()
    low, high = ops.split(start, 2, axis=-1)
    model = keras.Model(start, layers.Concatenate(name="swapped")([high, low]))
    assert rewrite(model)(np.array([1.0, 2.0]).reshape(1, 1, 1, 2)).numpy().ravel().tolist() == [2, 1]


def nested():
    """A model called twice within a model, and one within it: 2 x, then 3 x + 3 x of it and so on."""
    innermost = keras.Sequential([image(), scale(2, "a")], name="innermost")
    inner_image = image()
    inner = keras.Model(inner_image, scale(3, "a")(innermost(inner_image)), name="inner")
    start = image()
    return keras.Model(start, layers.Add(name="sum")([inner(start), inner(inner(start))]), name="outer")


def test_models_within_the_model_stay_models_and_shared():
    model = nested()
    copy = rewrite(model)
    assert pixel(copy) == pixel(model) == [6 + 36] * 2
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert [layer.name for layer in copy.get_layer("inner").layers] == ["image", "innermost", "a"]
    assert len(copy.weights) == 2
    assert not {id(weight) for weight in model.weights} & {id(weight) for weight in copy.weights}


def test_layers_and_parts_of_models_within_the_model_are_replaced_and_dropped():
    model = nested()
    inner = model.get_layer("inner")
    assert pixel(rewrite(model, drop=[inner.get_layer("innermost").layers[0]])) == [3 + 9] * 2
    part = Subgraph(inner.output, (inner.input,), lambda x: scale(10, "new")(x))
    assert pixel(rewrite(model, replace=[part])) == [10 + 100] * 2
    weights = [np.full((1, 1, 2, 1), 1)]
    assert pixel(rewrite(model, lambda layer: WithWeights(copy_layer(layer), weights) if layer.weights else layer)) == [
        2,
        2,
    ]


def test_all_layers_are_those_of_inner_models_too_each_once():
    assert sorted(layer.name for layer in graph.all_layers(nested()) if layer.weights) == ["a", "a"]
    assert len(graph.with_inner_models(nested())) == 3


def test_new_inputs():
    copy = rewrite(chain(scale(2, "a")), inputs=keras.Input((4, 6, 2), name="small"))
    assert (copy.input_shape, copy.output_shape) == ((None, 4, 6, 2), (None, 4, 6, 2))
    # On a tensor of another network, to go on from there.
    start = image()
    assert pixel(keras.Model(start, rewrite(chain(scale(2, "a")), inputs=start).output)) == [2, 2]


def test_two_layers_of_one_name_are_refused():
    model = chain(scale(2, "a"), scale(3, "b"))
    with pytest.raises(InputError, match="network 'chain': cannot be rewritten .*.a. is used 2 times"):
        rewrite(model, lambda layer: copy_layer(layer, name="a"))


def test_a_sequential_model_becomes_functional():
    model = keras.Sequential([image(), scale(2, "a")], name="sequence")
    copy = rewrite(model)
    assert (pixel(copy), copy.name) == ([2, 2], "sequence")


def test_models_with_hidden_layers_are_refused():
    class Subclassed(keras.Model):
        pass

    with pytest.raises(InputError, match="network 'mine': its layers cannot be read"):
        rewrite(Subclassed(name="mine"))
