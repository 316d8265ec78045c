"""How the tests of datasets check that something is refused."""

import pytest

from contextnet_tf.errors import InputError


def refused(message, function, *arguments):
    """Checks that the call fails with one line that matches `message`."""
    with pytest.raises(InputError, match=message) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
