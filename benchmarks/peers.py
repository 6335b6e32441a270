"""What `recording.py` times beside `GradientNormLogger`: what users do without it, and bare sums in it."""

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import keras


def recomputing(x: Any, y: Any, batch: int) -> Any:
    """A callback that takes the gradient of each batch a second time."""
    compute = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]

    class Recomputing(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.norms: list[list[float]] = []
            if not hasattr(self, "compute"):
                self.compute = compute()

        def on_train_batch_end(self, number: int, logs: Any = None) -> None:
            part = slice(number * batch, (number + 1) * batch)
            # `self.model` brings the state back to the model, on JAX.
            self.norms.append(self.compute(self.model, x[part], y[part]))

    return Recomputing()


@contextlib.contextmanager
def summing() -> Iterator[None]:
    """Has `GradientNormLogger` take a backend's own float32 sum of squares of each gradient, and no more."""
    backend = keras.backend.backend()
    recording = importlib.import_module(f"keras_inits.backends.{backend}.recording")
    forget = recording._row.clear_cache if backend == "jax" else lambda: None  # how a row was traced
    sums = {"tensorflow": _sums_of_tensorflow, "jax": _sums_of_jax, "torch": _sums_of_torch}[backend]
    with mock.patch.object(recording, "measured", lambda gradients, kinds: {"norm": sums(gradients)}):
        forget()
        yield
    forget()


def hook(model: Any) -> None:
    """Reads the norm of each parameter's gradient as the backward pass has it (torch)."""
    norms: dict[str, float] = {}
    for variable in model.trainable_variables:
        variable.value.register_hook(
            lambda gradient, name=variable.path: norms.__setitem__(name, gradient.norm().item())
        )


def with_metrics(backend: str) -> Any:
    """A model whose own train_step returns every norm among its logs (TensorFlow, JAX)."""

    class Metrics(keras.Model):
        def train_step(self, *arguments: Any) -> Any:
            return _train_step_of_tensorflow(self, *arguments) if backend == "tensorflow" else _of_jax(self, *arguments)

    return Metrics


def _train_step_of_tensorflow(model: Any, batch: Any) -> Any:
    import tensorflow as tf

    x, y = batch
    with tf.GradientTape() as tape:
        predicted = model(x, training=True)
        loss = model.compute_loss(x, y, predicted)
    weights = model.trainable_weights
    gradients = tape.gradient(loss, weights)
    model.optimizer.apply_gradients(zip(gradients, weights, strict=True))
    norms = {f"norm_{number}": tf.norm(gradient) for number, gradient in enumerate(gradients)}
    return {"loss": loss, **norms}


def _of_jax(model: Any, state: Any, batch: Any) -> Any:
    import jax
    import jax.numpy as jnp

    trainable, fixed, optimizer_variables, metrics = state
    x, y = batch
    compute = jax.value_and_grad(model.compute_loss_and_updates, has_aux=True)
    (loss, (_, _, fixed, metrics)), gradients = compute(
        trainable, fixed, metrics, x, y, None, training=True, optimizer_variables=optimizer_variables
    )
    trainable, optimizer_variables = model.optimizer.stateless_apply(optimizer_variables, gradients, trainable)
    norms = {f"norm_{number}": jnp.linalg.norm(gradient.ravel()) for number, gradient in enumerate(gradients)}
    return {"loss": loss, **norms}, (trainable, fixed, optimizer_variables, metrics)


def _sums_of_tensorflow(gradients: list[Any]) -> Any:
    import tensorflow as tf

    return tf.stack([tf.nn.l2_loss(gradient) for gradient in gradients] + [tf.constant(0.5**0.5)] * len(gradients))


def _sums_of_jax(gradients: list[Any]) -> Any:
    import jax.numpy as jnp

    return jnp.sqrt(jnp.stack([jnp.sum(jnp.square(gradient)) for gradient in gradients]))


def _sums_of_torch(gradients: list[Any]) -> Any:
    import torch

    return torch.stack(torch._foreach_norm(gradients)).tolist()


def _tensorflow() -> Any:
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def norms(model: Any, x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True))
        return tf.stack([tf.norm(gradient) for gradient in tape.gradient(loss, model.trainable_weights)])

    return lambda model, x, y: norms(model, tf.constant(x), tf.constant(y)).numpy().tolist()


def _jax() -> Any:
    import functools

    import jax
    import jax.numpy as jnp

    @functools.partial(jax.jit, static_argnums=0)
    def norms(model: Any, trainable: Any, fixed: Any, x: Any, y: Any) -> Any:
        def loss(trainable: Any) -> Any:
            predicted, _ = model.stateless_call(trainable, fixed, x, training=True)
            return model.loss(y, predicted)

        return jnp.stack([jnp.linalg.norm(gradient.ravel()) for gradient in jax.grad(loss)(trainable)])

    def compute(model: Any, x: Any, y: Any) -> Any:
        state = [variable.value for variable in model.trainable_variables]
        return norms(model, state, [variable.value for variable in model.non_trainable_variables], x, y).tolist()

    return compute


def _torch() -> Any:
    def compute(model: Any, x: Any, y: Any) -> Any:
        model.zero_grad()
        y = keras.ops.convert_to_tensor(y)
        model.compute_loss(x, y, model(x, training=True)).backward()
        return [variable.value.grad.norm().item() for variable in model.trainable_variables]

    return compute
