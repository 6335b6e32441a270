"""Run in a process of its own, because TensorFlow's devices are set once: a fit on two replicas, against the loop."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import sys
import warnings

import keras
import models
import oracle
import tensorflow as tf

from keras_inits.recording import GradientNormLogger


def main(every, clipnorm):
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = models.sequential()
        model.compile(keras.optimizers.SGD(models.RATE, clipnorm=clipnorm), "mse")
    x, y = models.data()
    logger = GradientNormLogger(every=every)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        models.fit(model, x, y, [logger])
    assert any("after clipping" in str(w.message) for w in caught) == (clipnorm is not None)
    if clipnorm is None:
        twin = models.sequential()
        gradients = oracle.train(twin, models.mean_square, models.batches(x, y), models.RATE)
        names = models.MODELS["sequential"][1]
        oracle.assert_same(logger.trace.norms, oracle.norms(gradients, models.layer_variables(twin, names))[::every])
    assert "_all_reduce_sum_gradients" not in vars(model.optimizer)


def overflow():
    """The first steps overflow under the loss scale, are skipped, and do not end the recording."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
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
    main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else None)
