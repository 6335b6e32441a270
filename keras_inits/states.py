"""The states of gradients: the one vocabulary of verdicts and alerts, and the first half of the names of findings."""

from enum import StrEnum

from keras_inits import thresholds

_BEGIN_AGAIN = "Begin again from keras_inits.initialize(model), which starts each layer by the rule of its activation; "


class State(StrEnum):
    """A state that gradients are in, at a step or in the course of a training."""

    meaning: str
    """The state in words, with its thresholds."""
    expected: str
    """The state of a training without this fault."""
    remedy: str
    """A way out of it."""

    HEALTHY = (
        "healthy",
        "When training ends, the gradient reaches every layer, in sizes that one learning rate can serve. This says "
        "nothing of the loss: gradients can be healthy in a run that learned nothing.",
    )
    VANISHING = (
        "vanishing",
        f"Towards the input the norm shrinks below {thresholds.VANISHING_RATIO:.0e} of the largest layer's. When that "
        f"layer moves by {thresholds.HEALTHY_UPDATE:g} of its weights, as is healthy, this one's update is lost. Or "
        f"every norm is below {thresholds.VANISHING_NORM:.0e}, where its square is no float32 any more.",
        f"every layer to have more than {thresholds.VANISHING_RATIO:.0e} of the largest layer's norm, and norms above "
        f"{thresholds.VANISHING_NORM:.0e}",
        f"{_BEGIN_AGAIN}or add normalisation or residual connections.",
    )
    EXPLODING = (
        "exploding",
        f"Towards the input the norm grows by more than {thresholds.EXPLODING_RATIO:.0e}, or a norm is beyond "
        f"{thresholds.EXPLODING_NORM:.0e}, where its square is no float32 any more.",
        f"norms to grow by less than {thresholds.EXPLODING_RATIO:.0e} towards the input, and to stay below "
        f"{thresholds.EXPLODING_NORM:.0e}",
        f"{_BEGIN_AGAIN}or clip the gradient (global_clipnorm=1.0).",
    )
    ZERO = (
        "zero",
        "A layer's gradient is exactly 0, with no decay that leads there: nothing moves it.",
        "every layer to have a gradient",
        "Look at the loss, the last activation, and units that are off for all inputs: "
        "keras_inits.diagnose(model, x, y) names the cause.",
    )
    NONFINITE = (
        "nonfinite",
        "A norm is infinite or not a number.",
        "every gradient to be finite",
        "Lower the learning rate, clip the gradient (global_clipnorm=1.0), or begin again from "
        "keras_inits.initialize(model).",
    )

    def __new__(cls, word: str, meaning: str, expected: str = "", remedy: str = "") -> "State":
        """A string with its texts beside it."""
        state = str.__new__(cls, word)
        state._value_ = word
        state.meaning, state.expected, state.remedy = meaning, expected, remedy
        return state

    def __repr__(self) -> str:
        """The word in quotes, as that of any string."""
        return repr(self.value)
