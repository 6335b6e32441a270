"""`fit` with the logger: each recorded norm is the size of the step that plain gradient descent took."""

import keras
import numpy as np
import pytest
from helpers import hub_models

from keras_inits import GradientNormLogger

pytestmark = [*hub_models.WARNINGS, pytest.mark.thorough]
STEPS = 2
JITTED = keras.backend.backend() == "jax"  # where an eager step takes longest; on TensorFlow, XLA does


class Weights(keras.callbacks.Callback):
    """The weights before and after each step, as each epoch is one."""

    def on_train_begin(self, logs=None):
        self.seen = [self.now()]

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(self.now())

    def now(self):
        return {id(v): keras.ops.convert_to_numpy(v).astype("float64") for v in self.model.variables}


def owners(model):
    """Each layer's name and its own trainable variables, in depth order; a tied weight is the first one's."""
    seen = set()

    def walk(layer):
        own = [] if id(layer) in seen else [v for v in layer._trainable_variables if id(v) not in seen]
        if own:
            yield layer.name, own
        # A graph has an order; TensorFlow's attributes have that of their assignment.
        children = [] if id(layer) in seen else [*getattr(layer, "layers", []), *layer._layers]
        seen.update(map(id, [layer, *own]))
        for child in children:
            yield from walk(child)

    found = list(walk(model))
    assert {id(v) for _, own in found for v in own} >= {id(v) for v in model.trainable_variables}
    return found


def norm(arrays):
    return np.sqrt(sum(np.sum(a**2) for a in arrays))


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables")  # a pooler, a token for masks
@pytest.mark.parametrize("name", hub_models.FIT)
def test_each_norm_is_that_of_the_step_that_plain_descent_took(name):
    model = hub_models.build(name)
    x, y = hub_models.batch(name, model)
    model.compile(keras.optimizers.SGD(1.0), "mse", metrics=[], weighted_metrics=[], jit_compile=JITTED)
    weights, logger = Weights(), GradientNormLogger()
    model.fit(x, y, batch_size=4, epochs=STEPS, shuffle=False, verbose=0, callbacks=[weights, logger])
    table, expected = logger.trace.norms, owners(model)
    assert [path.split("/")[-1].split("#")[0] for path in logger.trace.layers] == [name for name, _ in expected]
    assert np.any(table > 0)
    for step in range(STEPS):
        before, after = weights.seen[step : step + 2]
        for column, (layer, variables) in enumerate(expected):
            change = norm([after[id(v)] - before[id(v)] for v in variables])
            # Half a last place of each new weight; the sum of squares is held to what the other tests hold it to.
            rounding = 2.0**-24 * norm([after[id(v)] for v in variables])
            recorded = 0.0 if table.mask is not np.False_ and table.mask[step, column] else table[step, column]
            assert recorded == pytest.approx(change, rel=1e-5, abs=rounding), (layer, step)
