"""Learning rates as functions of the step."""

import keras


class Poly(keras.optimizers.schedules.LearningRateSchedule):
    """base * (1 - step / steps) ** power (section 3.1, after DeepLab [6]), with a linear warm-up."""

    def __init__(self, base: float, power: float, steps: int, warmup_steps: int = 0):
        self.base = base
        self.power = power
        self.steps = steps
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        """The learning rate, float32 [], of step `step`, counted from 0."""
        step = keras.ops.cast(step, "float32")
        poly = self.base * (1.0 - keras.ops.minimum(step / self.steps, 1.0)) ** self.power
        return poly * keras.ops.minimum((step + 1.0) / (self.warmup_steps + 1.0), 1.0)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {"base": self.base, "power": self.power, "steps": self.steps, "warmup_steps": self.warmup_steps}
