"""ContextNet and its training step in PyTorch, to compare speeds with; needs the extra `bench`."""

from collections.abc import Callable

import keras
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.training.recipe import AdamW, Recipe
from contextnet_tf.training.step import decayed_weights


class TorchTwin(nn.Module):
    """A Keras network of ContextNet's layers with the same weights: float32 [B, 3, H, W] -> {name: [B, C, H, W]}.

    It sees images turned by 180 degrees, and its kernels are turned. PyTorch's layers then pad by themselves, as
    a network written in PyTorch would: where a layer has a stride of 2, Keras pads the other end.
    """

    def __init__(self, model: keras.Model):
        """Raises InputError where the network has a layer that is not among ContextNet's."""
        super().__init__()
        self._modules_of_calls = nn.ModuleList()
        self._wiring = []
        self.by_kernel = {}  # id of a Keras kernel -> the parameter that stands for it
        for node in graph.calls(model):
            self._modules_of_calls.append(self._module(node.operation))
            self._wiring.append(([id(x) for x in node.input_tensors], id(node.outputs[0])))
        self._input = id(model.inputs[0])
        self._outputs = {name: id(output) for name, output in model.output.items()}

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """See the class."""
        values = {self._input: images}
        for module, (inputs, output) in zip(self._modules_of_calls, self._wiring, strict=True):
            values[output] = module(*(values[x] for x in inputs))
        return {name: values[output] for name, output in self._outputs.items()}

    def _module(self, layer: keras.Layer) -> nn.Module:
        match layer:
            case keras.layers.DepthwiseConv2D():
                return self._convolution(layer, layer.kernel, np.transpose(layer.kernel, (2, 3, 0, 1)))
            case keras.layers.Conv2D():
                return self._convolution(layer, layer.kernel, np.transpose(layer.kernel, (3, 2, 0, 1)))
            case keras.layers.BatchNormalization():
                # PyTorch's momentum is the share of the new.
                return nn.BatchNorm2d(layer.gamma.shape[0], eps=layer.epsilon, momentum=1 - layer.momentum)
            case keras.layers.ReLU():
                return nn.ReLU6(inplace=True)
            case keras.layers.Add():
                return _Add()
            case keras.layers.Dropout():
                return nn.Dropout(layer.rate)
            case keras.layers.AveragePooling2D():
                return nn.AvgPool2d(layer.pool_size)
            case keras.layers.UpSampling2D():
                return nn.Upsample(scale_factor=layer.size[0], mode="bilinear", align_corners=False)
        raise InputError(
            f"layer {layer.name} ({type(layer).__name__}) has no PyTorch counterpart here; try `model=cn14`"
        )

    def _convolution(self, layer: keras.Layer, kernel: keras.Variable, weight: np.ndarray) -> nn.Conv2d:
        outputs, inputs, height, width = weight.shape
        groups = outputs if isinstance(layer, keras.layers.DepthwiseConv2D) else 1
        dilation = layer.dilation_rate[0]
        module = nn.Conv2d(
            inputs * groups,
            outputs,
            (height, width),
            stride=layer.strides[0],
            padding=((height - 1) // 2 * dilation, (width - 1) // 2 * dilation),
            dilation=dilation,
            groups=groups,
            bias=layer.use_bias,
        )
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(weight[:, :, ::-1, ::-1].copy()))
            if layer.use_bias:
                module.bias.zero_()
        self.by_kernel[id(kernel)] = module.weight
        return module


class _Add(nn.Module):
    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return first + second


def torch_step(model: keras.Model, recipe: Recipe, images: np.ndarray, labels: np.ndarray) -> Callable[[int], float]:
    """One step of the same training on that batch, at each call, with so many threads; it gives the loss.

    As a page of PyTorch has it: features in channels_last, logits upsampled by the network, its own
    cross-entropy, its own AdamW. No averaging of weights, no class weights.

    Args:
      model: the freshly built network, whose weights are copied.
      recipe: with AdamW.
      images: float32 [B, H, W, 3].
      labels: uint8 [B, H, W].

    Raises:
      InputError: the recipe's optimizer, or a layer of the network, has no twin here.
    """
    if not isinstance(recipe.optimizer, AdamW):
        raise InputError(f"recipe {recipe.name}: the PyTorch baseline supports AdamW only; try `recipe=short`")
    twin = TorchTwin(model).to(memory_format=torch.channels_last).train()
    decayed = [twin.by_kernel[id(weight)] for weight in decayed_weights(model)]
    others = [weight for weight in twin.parameters() if all(weight is not kept for kept in decayed)]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": recipe.optimizer.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=recipe.base_learning_rate,
        betas=(recipe.optimizer.beta_1, recipe.optimizer.beta_2),
        eps=recipe.optimizer.epsilon,
    )
    images = torch.from_numpy(images[:, ::-1, ::-1].transpose(0, 3, 1, 2).copy())
    images = images.contiguous(memory_format=torch.channels_last)
    truth = torch.from_numpy(labels[:, ::-1, ::-1].astype(np.int64))

    def step(num_threads: int) -> float:
        torch.set_num_threads(num_threads)
        optimizer.zero_grad(set_to_none=True)
        logits = twin(images)
        losses = {name: functional.cross_entropy(logits[name], truth, ignore_index=IGNORE) for name in logits}
        loss = losses.pop("main") + recipe.aux_weight * sum(losses.values())
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
