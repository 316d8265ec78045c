import keras
import pytest

from contextnet_tf.models.registry import build_model


@pytest.mark.parametrize(
    ("name", "parameters"),
    # With batch normalization, which adds three values a channel to the 846,179, 490,459 and 159,387 that
    # are left once it is folded: a scale, a mean and a variance (its shift becomes the bias).
    [("cn18", 878_195), ("cn14", 878_195), ("cn12", 878_195), ("cn14-500", 516_019), ("cn14-160", 172_275)],
)
def test_parameters_while_training(name, parameters):
    assert build_model(name, input_shape=(None, None, 3)).count_params() == parameters
