"""Programs, run from the checkout as `python -m experiments.NAME`. One file, one program."""

import os

# TensorFlow's start-up messages would bury the one line that a person must read.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
