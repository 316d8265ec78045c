"""Sets, on import, what networks need of Keras: the backend TensorFlow, float32, and images [B, H, W, C].

~/.keras/keras.json may have other settings, of another project. Modules that build or load networks import this one.

Raises:
  ImportError: Keras was imported before with another backend than TensorFlow.
"""

import keras

from contextnet_tf.errors import InputError

if keras.config.backend() != "tensorflow":
    raise ImportError(
        f"contextnet_tf needs Keras on TensorFlow, and Keras was imported on {keras.config.backend()}; import "
        "contextnet_tf before keras, or set the environment variable KERAS_BACKEND=tensorflow"
    )
keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")


def require_channels_last() -> None:
    """Refuses to build layers for images of another layout, if Keras was set to it after the import.

    Raises:
      InputError: Keras is set to channels_first.
    """
    if keras.config.image_data_format() != "channels_last":
        raise InputError("Keras is set to channels_first; call keras.config.set_image_data_format('channels_last')")


def require_float32_policy() -> None:
    """Refuses to make a network again from another where new layers would compute in mixed precision.

    Raises:
      InputError: Keras' dtype policy is not float32.
    """
    if (policy := keras.config.dtype_policy().name) != "float32":
        raise InputError(
            f"Keras' dtype policy is {policy}, but networks are folded, pruned and exported in float32; call "
            "keras.config.set_dtype_policy('float32')"
        )
