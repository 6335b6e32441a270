"""Run in processes of its own: a fit on JAX over several devices, against the loop by hand on one.

Run in `tests`: python -m helpers.sharded data|model <devices> [<process> <port> <file>]
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={sys.argv[2]}"


def main():
    """With several processes, Keras must not look for devices before they have found each other."""
    import jax

    kind, filename = sys.argv[1], None
    if len(sys.argv) > 3:
        process, port, filename = sys.argv[3:]
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(f"localhost:{port}", 2, int(process))
    import keras

    from helpers import models, oracle
    from keras_inits.recording import GradientNormLogger

    def build():
        wide = models.dense(8, name="first"), models.dense(16, name="second"), models.dense(1, name="last")
        return keras.Sequential([keras.Input((6,)), *wide])

    x, y = models.data()
    x, y = x[:48], y[:48]
    twin = build()
    weights = twin.get_weights()
    batches = [(x[i : i + 16], y[i : i + 16]) for _ in range(2) for i in range(0, 48, 16)]
    gradients = oracle.train(twin, models.mean_square, batches, models.RATE)
    expected = oracle.norms(gradients, [layer.trainable_variables for layer in twin.layers])

    devices = jax.devices()
    if kind == "data":
        distribution = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    else:
        mesh = keras.distribution.DeviceMesh((2, len(devices) // 2), ("batch", "model"), devices)
        layouts = keras.distribution.LayoutMap(mesh)
        layouts[".*(first|second).*kernel"] = (None, "model")
        layouts[".*last.*kernel"] = ("model", None)
        distribution = keras.distribution.ModelParallel(
            layout_map=layouts, batch_dim_name="batch", auto_shard_dataset=False
        )
    keras.distribution.set_distribution(distribution)
    model = build()
    model.set_weights(weights)
    logger = GradientNormLogger(track=("weight", "update", "largest"), sinks=filename or ())
    models.compiled(model)
    if kind == "model":
        assert not model.layers[0].kernel.value.sharding.is_fully_replicated
    model.fit(x, y, batch_size=16, epochs=2, verbose=0, shuffle=False, callbacks=[logger])
    oracle.assert_same(logger.trace.norms, expected)
    print(logger.trace.global_norm.tolist())
    if filename is not None:
        assert os.path.exists(filename) == (process == "0")


if __name__ == "__main__":
    main()
