"""Networks that keep their spec when saved, loaded or copied."""

from typing import Any

import keras

from contextnet_tf.models.spec import ContextNetSpec


@keras.saving.register_keras_serializable(package="contextnet_tf")
class ContextNet(keras.Model):
    """A functional network with a `spec`, which `save` writes and `load_network` reads in Keras' safe mode."""

    spec: ContextNetSpec | None = None

    def get_config(self) -> dict[str, Any]:
        """The config of a functional network, and the spec."""
        return super().get_config() | {"spec": self.spec and self.spec.to_json()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "ContextNet":
        """The network of a config.

        Raises:
          InputError: the spec is invalid.
        """
        config = dict(config)
        spec = config.pop("spec")
        network = super().from_config(config, custom_objects)
        network.spec = spec and ContextNetSpec.from_json(spec)
        return network


def spec_of(network: keras.Model) -> ContextNetSpec | None:
    """The spec of a network that `build_model` built from a spec; None for other networks.

    The spec survives saving, loading, and copies with the same channels: folded, of another size, without auxiliary
    heads, in another precision. Files of version 0.1 hold no spec, so theirs is None.
    """
    return getattr(network, "spec", None)


def network_of(inputs: Any, outputs: Any, name: str, spec: ContextNetSpec | None) -> keras.Model:
    """The functional network from `inputs` to `outputs`, with `spec` unless it is None."""
    if spec is None:
        return keras.Model(inputs, outputs, name=name)
    network = ContextNet(inputs, outputs, name=name)
    network.spec = spec
    return network
