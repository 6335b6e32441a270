"""One of two processes on this machine, which make the same layers over the devices of both.

Run in `tests`: python -m helpers.two_processes <process> <port>. Prints the values of the layers' parts that lie here.
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"


def main() -> None:
    """Keras must not look for devices before the processes have found each other."""
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{sys.argv[2]}", 2, int(sys.argv[1]))
    import keras
    import numpy as np

    import keras_inits as ki

    keras.utils.set_random_seed(7)
    mesh = keras.distribution.DeviceMesh((1, 4), ["batch", "model"], jax.devices())
    layout_map = keras.distribution.LayoutMap(mesh)
    layout_map[".*columns.*kernel"] = (None, "model")
    held = {}
    with keras.distribution.ModelParallel(
        layout_map=layout_map, batch_dim_name="batch", auto_shard_dataset=False
    ).scope():
        for name in ("columns", "whole"):
            layer = keras.layers.Dense(8, kernel_initializer=ki.HeNormal(), name=name)
            layer.build((None, 4))
            shards = layer.kernel.value.addressable_shards
            held[name] = [[shard.index[1].start or 0, np.asarray(shard.data).tolist()] for shard in shards]
    print(json.dumps(held))


if __name__ == "__main__":
    main()
