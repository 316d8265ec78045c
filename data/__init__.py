"""Programs that make or prepare data sets, run from the checkout as `python -m data.NAME.PROGRAM`."""

import experiments  # noqa: F401  loads TensorFlow without its start-up notes
