"""Models with a train_step of their own, for each backend, that call their optimizer in every way."""

import functools

import keras
from keras import ops

from helpers import models


class Own(keras.Sequential):
    """Plain descent; `update` says how the optimizer is called with gradients and variables."""

    def others(self):
        """Trained variables that belong to no layer."""
        return []

    def loss_of(self, x, y):
        return ops.mean(ops.square(ops.convert_to_tensor(y, "float32") - self(x, training=True)))

    def update(self, gradients, variables):
        self.optimizer.apply(gradients, variables)

    def train_step(self, *arguments):
        return {"tensorflow": self._tensorflow, "jax": self._jax, "torch": self._torch}[keras.backend.backend()](
            *arguments
        )

    def _tensorflow(self, data):
        import tensorflow as tf

        x, y = data
        variables = self.trainable_variables + self.others()
        with tf.GradientTape() as tape:
            loss = self.loss_of(x, y)
        self.update(tape.gradient(loss, [variable.value for variable in variables]), variables)
        return {"loss": loss}

    def _torch(self, data):
        import torch

        x, y = data
        variables = self.trainable_variables + self.others()
        for variable in variables:
            variable.value.grad = None
        loss = self.loss_of(x, y)
        loss.backward()
        with torch.no_grad():
            self.update([variable.value.grad for variable in variables], variables)
        return {"loss": loss}

    def _jax(self, state, data):
        import jax

        trainable, fixed, optimizer_variables, metrics = state
        x, y = data

        def of(values):
            predicted, updated = self.stateless_call(values, fixed, x, training=True)
            return ops.mean(ops.square(ops.convert_to_tensor(y, "float32") - predicted)), updated

        (loss, fixed), gradients = jax.value_and_grad(of, has_aux=True)(trainable)
        trainable, optimizer_variables = self.stateless_update(optimizer_variables, gradients, trainable)
        return {"loss": loss}, (trainable, fixed, optimizer_variables, metrics)

    def stateless_update(self, optimizer_variables, gradients, trainable):
        return self.optimizer.stateless_apply(optimizer_variables, gradients, trainable)


def compiled_by_the_user():
    """A class whose train_step is compiled on its own, as in many tutorials."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        class Compiled(Own):
            @tf.function
            def train_step(self, data):
                x, y = data
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((y - self(x, training=True)) ** 2)
                gradients = tape.gradient(loss, self.trainable_variables)
                self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
                return {"loss": loss}

        return Compiled
    import jax

    class Compiled(Own):
        @functools.partial(jax.jit, static_argnums=0)
        def train_step(self, state, data):
            return self._jax(state, data)

    return Compiled


class Polyak(keras.optimizers.SGD):
    """An optimizer whose methods take one argument more than Keras's."""

    def apply(self, grads, trainable_variables=None, loss=None):
        return super().apply(grads, trainable_variables)

    def apply_gradients(self, grads_and_vars, loss=None):
        return super().apply_gradients(grads_and_vars)

    def stateless_apply(self, optimizer_variables, grads, trainable_variables, loss=None):
        return super().stateless_apply(optimizer_variables, grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate, scale=1.0):
        return super().update_step(gradient, variable, learning_rate * scale)


class HandsOverLoss(Own):
    def update(self, gradients, variables):
        self.optimizer.apply(gradients, variables, loss=1.0)

    def stateless_update(self, optimizer_variables, gradients, trainable):
        return self.optimizer.stateless_apply(optimizer_variables, gradients, trainable_variables=trainable, loss=1.0)


class HandsOverPairs(HandsOverLoss):
    def update(self, gradients, variables):
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True), loss=1.0)


class EachThird(Own):
    """Calls its optimizer at each third step, from step `at` on; on torch, whose steps are Python's."""

    steps, at = 0, 2

    def update(self, gradients, variables):
        self.steps += 1
        if (self.steps - 1) % 3 == self.at:
            super().update(gradients, variables)


class EachThirdInAGraph(Own):
    """The same where the step is a graph."""

    at = 2

    def build(self, shape):
        super().build(shape)
        self.steps = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False)

    def update(self, gradients, variables):
        import tensorflow as tf

        step = self.steps.value % 3

        def apply():
            self.optimizer.apply(gradients, variables)
            return True

        tf.cond(tf.equal(step, self.at), apply, lambda: False)
        self.steps.assign_add(1)


class LearnsItsVariance(Own):
    """Has a trained weight that belongs to no layer (TensorFlow and torch; on JAX Keras has no place for one)."""

    def others(self):
        if not hasattr(self, "held"):
            self.held = [Holder()]
        return [self.held[0].variable]

    def loss_of(self, x, y):
        variance = self.others()[0].value
        return ops.exp(-variance) * super().loss_of(x, y) + variance


class Holder:
    """Hides a variable from the model, which would otherwise have it for its own."""

    def __init__(self):
        self.variable = keras.Variable(0.3, name="log_variance")


class Anneals(keras.Sequential):
    """A Python number in its loss, which a callback changes."""

    beta = 0.0

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean((ops.convert_to_tensor(y, "float32") - y_pred) ** 2) + self.beta * ops.mean(y_pred**2)


def built(cls, optimizer=None, **arguments):
    """A model of a class, always from the same weights."""
    parts = [keras.Input((6,)), models.dense(name="first"), models.dense(1, name="last")]
    return models.compiled(cls(parts), optimizer, **arguments)
