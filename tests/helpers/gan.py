"""A GAN with a train_step of its own for each backend, and two optimizers that Keras knows nothing of."""

import keras
from keras import ops

from helpers import models


class GAN(keras.Model):
    """The generator makes what the discriminator is to tell from the data; losses are squares."""

    def __init__(self, generator_optimizer, discriminator_optimizer):
        super().__init__()
        self.generator = keras.Sequential([keras.Input((6,)), models.dense(6, name="hidden")], name="generator")
        self.discriminator = keras.Sequential([keras.Input((6,)), models.dense(1, name="judge")], name="discriminator")
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer
        for optimizer, part in self.parts():
            optimizer.build(part.trainable_variables)
        self.built = True

    def parts(self):
        return (
            (self.discriminator_optimizer, self.discriminator),
            (self.generator_optimizer, self.generator),
        )

    def loss_of_discriminator(self, real):
        return ops.mean(ops.square(self.discriminator(real) - 1.0)) + ops.mean(
            ops.square(self.discriminator(self.generator(real)))
        )

    def loss_of_generator(self, real):
        return ops.mean(ops.square(self.discriminator(self.generator(real)) - 1.0))

    def losses_and_parts(self):
        losses = self.loss_of_discriminator, self.loss_of_generator
        return [(loss, *part) for loss, part in zip(losses, self.parts(), strict=True)]

    def train_step(self, *arguments):
        *state, data = arguments
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        step = {"tensorflow": self._tensorflow, "jax": self._jax, "torch": self._torch}[keras.backend.backend()]
        return step(*state, x)

    def _tensorflow(self, x):
        import tensorflow as tf

        for loss, optimizer, part in self.losses_and_parts():
            with tf.GradientTape() as tape:
                value = loss(x)
            weights = part.trainable_weights
            optimizer.apply_gradients(zip(tape.gradient(value, weights), weights, strict=True))
        return {"loss": value}

    def _torch(self, x):
        for loss, optimizer, part in self.losses_and_parts():
            self.zero_grad()
            value = loss(x)
            value.backward()
            weights = part.trainable_weights
            optimizer.apply([weight.value.grad for weight in weights], weights)
        return {"loss": value}

    def _jax(self, state, x):
        import jax

        trainable, fixed, optimizer_variables, metrics = state
        values = dict(zip(map(id, self.trainable_variables), trainable, strict=True))
        for loss, optimizer, part in self.losses_and_parts():
            weights = part.trainable_variables

            def of(of_part, loss=loss, weights=weights, values=values):
                now = values | dict(zip(map(id, weights), of_part, strict=True))
                mapping = [(variable, now[id(variable)]) for variable in self.trainable_variables]
                with keras.StatelessScope(state_mapping=mapping):
                    return loss(x)

            value, gradients = jax.value_and_grad(of)([values[id(weight)] for weight in weights])
            # These optimizers' own variables would be lost here; plain gradient descent has none that matter.
            new, _ = optimizer.stateless_apply(
                [variable.value for variable in optimizer.variables], gradients, [values[id(w)] for w in weights]
            )
            values |= dict(zip(map(id, weights), new, strict=True))
        trainable = [values[id(variable)] for variable in self.trainable_variables]
        return {"loss": value}, (trainable, fixed, optimizer_variables, metrics)


def oracle_step(gan, x, rate):
    """One step by hand; returns gradients by id."""
    from helpers import oracle

    gradients = {}
    for loss, _, part in gan.losses_and_parts():
        gradients |= oracle.step(Part(gan, part, loss), lambda y, predicted: predicted, x, x, rate)
    return gradients


class Part:
    """What the oracle needs of a model: its output is the loss, its weights are those of one part."""

    _call_has_training_arg = False

    def __init__(self, gan, part, loss):
        self.gan, self.trainable_variables, self.loss = gan, part.trainable_variables, loss
        others = [v for v in gan.trainable_variables if not any(v is one for one in self.trainable_variables)]
        self.non_trainable_variables = others

    def __call__(self, x):
        return self.loss(ops.convert_to_tensor(x))

    def stateless_call(self, values, fixed, x):
        variables = [*self.trainable_variables, *self.non_trainable_variables]
        with keras.StatelessScope(state_mapping=list(zip(variables, [*values, *fixed], strict=True))):
            return self.loss(x), fixed
