"""Each internal step of `diagnose` is made to fail, and says so; a model or a loss that fails by itself is named."""

import keras
import numpy as np
import pytest
from helpers.failing import Failing
from keras import layers

from keras_inits import diagnose, lsuv
from keras_inits.faults import InternalError

x = np.random.default_rng(0).standard_normal((16, 4)).astype("float32")
y = np.zeros((16, 1), "float32")
STEPS = {
    "probes.reduced": "while it reduced the inputs of the layer 'hidden' to numbers",
    "probes.output_axis": "while it reduced the outputs of the layer 'hidden' to numbers",
    "probes.norm_of": "while it reduced the gradient of the layer 'dense",
    "probes.slope_of": "while it looked at the activations of the layers",
    "forward_backward.enclosing": "while it looked for layers that showed no values",
    "kernels.kernel_axes": "while it turned what the probes saw into numbers",
    "nonfinite._of_weights": "while it looked for findings",
    "case.auto_law": "while it looked for findings",
}


def network():
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, "relu", name="hidden", kernel_initializer="ones"),
            layers.Dense(1, kernel_initializer="ones"),
        ]
    )


@pytest.mark.thorough
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_of_ours_is_called_ours(step, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("broken on purpose")

    model = network()
    if step == "forward_backward.enclosing":  # which is asked where no probe sees values
        monkeypatch.setattr("keras_inits.diagnosis.probes.is_float", lambda leaf: False)
    before = model.get_weights()
    monkeypatch.setattr(f"keras_inits.diagnosis.{step}", broken)
    with pytest.raises(InternalError) as caught:
        diagnose(model, x, y, loss="mse")
    message = str(caught.value)
    assert STEPS[step] in message
    assert "broken on purpose" in message
    assert "This is a fault of keras_inits, not of your model or data" in message
    assert caught.value.__cause__ is not None
    assert all(map(np.array_equal, before, model.get_weights()))
    assert "call" not in vars(model.layers[0])


def test_a_layer_that_fails_is_called_the_models():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8), Failing()])
    with pytest.raises(
        ValueError, match=r"diagnose calls the model on the batch.*OSError.*no part of keras_inits in it"
    ):
        diagnose(model, x)


def test_a_loss_that_fails_is_called_the_losses():
    def broken(target, output):
        raise OSError("no such loss")

    with pytest.raises(ValueError, match=r"diagnose computes the loss.*OSError.*targets and a loss that suit"):
        diagnose(network(), x, y, loss=broken)


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"Received: x of the shapes \[\(0, 4\)\], without any"):
        diagnose(network(), x[:0])


@pytest.mark.parametrize("batch", [x.tolist(), iter([x]), [[1, 2]], {"x": "words"}])
def test_what_is_no_batch_of_arrays_is_refused(batch):
    for function in (diagnose, lsuv):
        with pytest.raises(ValueError, match=r"takes one batch of arrays or tensors.*Received: x with .*first batch"):
            function(network(), batch)


def test_of_a_model_without_a_call_the_parts_are_named():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential([keras.Input((4,)), layers.Dense(2)], name="encoder")

    with pytest.raises(ValueError, match=r"which has no `call`.*Diagnose one by one the parts .* \('encoder'\)"):
        diagnose(Model(), x)
