"""Programs that make or prepare datasets, run from the checkout as `python -m data.NAME.PROGRAM`."""
