"""ContextNet in TensorFlow 2 and Keras: real-time street segmentation."""
