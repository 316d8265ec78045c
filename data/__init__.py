"""Programs that make or prepare datasets, run from the checkout as `python -m data.NAME.PROGRAM`."""

import experiments  # noqa: F401  loads TensorFlow without its startup messages
