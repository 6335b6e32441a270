"""Run in a process of its own, as TensorFlow's devices are set once: a fit on several replicas, against the loop."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import sys
import warnings

import keras
import tensorflow as tf

from helpers import models, oracle
from keras_inits.recording import GradientNormLogger


def replicas(number):
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * number)
    return tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(number)])


def main(number, every, clipnorm):
    with replicas(number).scope():
        model = models.sequential()
        model.compile(keras.optimizers.SGD(models.RATE, clipnorm=clipnorm), "mse")
    x, y = models.data()
    logger = GradientNormLogger(every=every, track=("weight", "update"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        models.fit(model, x, y, [logger])
    assert any("after clipping" in str(w.message) for w in caught) == (clipnorm is not None)
    if clipnorm is None:
        twin = models.sequential()
        sgd = keras.optimizers.SGD(models.RATE)
        steps = oracle.follow(twin, models.mean_square, sgd, models.batches(x, y))
        variables = models.layer_variables(twin, models.MODELS["sequential"][1])
        oracle.assert_same(logger.trace.norms, oracle.norms([step[0] for step in steps], variables)[::every])
        oracle.assert_same(logger.trace.tracked["update"], oracle.ratios(steps, variables)[::every], tolerance=1e-3)
    else:
        assert logger.trace.clipped.mask.all()
    assert "_all_reduce_sum_gradients" not in vars(model.optimizer)


def overflow():
    """The first steps overflow under the loss scale, are skipped, and do not end the recording."""
    with replicas(2).scope():
        model = models.sequential()
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(models.RATE), initial_scale=3e38)
        model.compile(scaled, "mse")
    x, y = models.data()
    logger = GradientNormLogger()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="GradientNormLogger stops recording")
        for _ in range(4):
            models.fit(model, x, y, [logger])
    assert len(logger.trace) == int(model.optimizer.iterations.numpy()) > 0


if __name__ == "__main__" and sys.argv[1] == "overflow":
    overflow()
elif __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else None)
