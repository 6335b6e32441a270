"""`initialize` on KerasHub's models: all is drawn or left alone, from the seed, the same on each backend."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import hub_models
import keras
import numpy as np
import pytest
from support import BACKENDS

from keras_inits import initialize

pytestmark = hub_models.WARNINGS


@pytest.mark.thorough
@pytest.mark.parametrize("name", hub_models.MODELS)
def test_a_seed_gives_the_weights(name):
    start, first, again, other = (hub_models.build(name) for _ in range(4))
    table = initialize(first, seed=7)
    initialize(again, seed=7)
    initialize(other, seed=8)
    assert len({row.path for row in table.rows}) == len(table.rows) > 0
    assert {row.origin for row in table.rows} == {"known"}
    assert {one.reason for one in table.left} <= {"frozen"}
    values = [
        [keras.ops.convert_to_numpy(v) for v in model.trainable_variables] for model in (start, first, again, other)
    ]
    for before, one, two, three in zip(*values, strict=True):
        assert np.all(np.isfinite(one))
        assert np.array_equal(one, two)
        # Drawn from the seed, or constant, or left as it was.
        assert not np.array_equal(one, three) or np.ptp(one) == 0 or np.array_equal(one, before)
    assert any(not np.array_equal(one, three) for _, one, _, three in zip(*values, strict=True))


SAME = """
import hashlib, sys
sys.path[:0] = sys.argv[2:]
import hub_models, keras, keras_inits
from keras_inits.models.weights import weights_of
model = hub_models.build(sys.argv[1])
keras_inits.initialize(model, seed=11)
digest = hashlib.sha256()
for weight in sorted(weights_of(model), key=lambda one: one.path):  # Keras has its own order on each backend
    digest.update(weight.path.encode() + keras.ops.convert_to_numpy(weight.variable).tobytes())
print("digest", digest.hexdigest())
"""


@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.parametrize("name", ["gpt2", "t5", "resnet", "swin", "segment_anything"])
def test_the_backends_start_from_the_same_bits(name):
    here = Path(__file__).parent
    digests = set()
    for backend in BACKENDS:
        environment = {**os.environ, "KERAS_BACKEND": backend}
        command = [sys.executable, "-W", "ignore", "-c", SAME, name, str(here), str(here.parent)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        digests.add(result.stdout.split("digest ")[1].strip())
    assert len(digests) == 1
    assert digests != {hashlib.sha256().hexdigest()}
