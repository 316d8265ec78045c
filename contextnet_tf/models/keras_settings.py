"""Sets, on import, what networks need of Keras: the backend TensorFlow, float32, and images [B, H, W, C].

~/.keras/keras.json may have other settings, of another project. Modules that build or load networks import this one.

Raises:
  ImportError: Keras was imported before with another backend than TensorFlow.
"""

import keras

if keras.config.backend() != "tensorflow":
    raise ImportError(
        f"contextnet_tf needs Keras on TensorFlow, and Keras was imported on {keras.config.backend()}; import "
        "contextnet_tf before keras, or set the environment variable KERAS_BACKEND=tensorflow"
    )
keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")
