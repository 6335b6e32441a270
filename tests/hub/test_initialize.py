"""`initialize` on KerasHub's models: all is drawn or left alone, from the seed, the same on each backend."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from helpers import hub_models
from helpers.processes import BACKENDS, TESTS

from keras_inits import initialize

pytestmark = hub_models.WARNINGS


# How many kernels are predicted from the signal and how many are not seen, and how many branches are counted.
SEEN = {
    "bert": (14, 0, 4),
    "distilbert": (14, 0, 4),
    "roberta": (13, 0, 4),
    "albert": (9, 0, 2),
    "deberta": (14, 0, 4),
    "electra": (14, 0, 4),
    "fnet": (7, 0, 2),
    "xlnet": (12, 2, 4),
    "roformer": (14, 0, 4),
    "esm": (12, 0, 4),
    "gpt2": (12, 0, 4),
    "gpt_neox": (8, 0, 4),
    "opt": (12, 0, 4),
    "bloom": (12, 0, 4),
    "falcon": (12, 0, 4),
    "llama": (14, 1, 4),
    "llama3": (14, 0, 4),
    "gemma": (14, 0, 4),
    "mistral": (14, 1, 4),
    "mixtral": (10, 7, 2),
    "phi3": (14, 1, 4),
    "qwen": (14, 0, 4),
    "qwen3": (14, 0, 4),
    "rwkv7": (5, 22, 2),
    "t5": (36, 0, 10),
    "bart": (32, 0, 10),
    "whisper": (34, 0, 10),
    "clip": (27, 0, 8),
    "siglip": (32, 0, 9),
    "diffusion_transformer": (20, 5, 0),
    "autoencoder": (30, 0, 10),
    "vit": (14, 0, 4),
    "deit": (14, 0, 4),
    "dinov2": (13, 0, 4),
    "swin": (11, 0, 4),
    "resnet": (7, 0, 0),
    "resnet_bottleneck": (10, 0, 2),
    "efficientnet": (10, 0, 0),
    "mobilenet": (16, 0, 0),
    "densenet": (11, 0, 0),
    "vgg": (5, 0, 0),
    "xception": (7, 0, 0),
    "mit": (18, 0, 4),
    "segformer": (21, 0, 4),
    "segment_anything": (59, 3, 12),
}
if keras.backend.backend() == "tensorflow":
    SEEN["deberta"] = (6, 8, 2)  # its attention calls `tf.gather`, which takes no symbols


@pytest.mark.parametrize("name", hub_models.MODELS)
def test_what_is_seen_of_each_model(name):
    rows = initialize(hub_models.build(name), seed=7).rows
    predicted = sum(row.square_in is not None for row in rows)
    unseen = sum(row.reason.startswith("not seen") for row in rows)
    assert (predicted, unseen, sum("residual branch" in row.reason for row in rows)) == SEEN[name]


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
import hashlib, json, sys
sys.path[:0] = sys.argv[2:]
import keras, keras_inits
from helpers import hub_models
from keras_inits.models.weights import weights_of
found = {}
for name in sys.argv[1].split(","):
    model = hub_models.build(name)
    drawn = {row.path for row in keras_inits.initialize(model, seed=11).rows}
    values = {one.path: keras.ops.convert_to_numpy(one.variable) for one in weights_of(model) if one.path in drawn}
    found[name] = {path: hashlib.sha256(value.tobytes()).hexdigest() for path, value in values.items()}
print("digests", json.dumps(found))
"""


@pytest.mark.thorough
@pytest.mark.any_backend
def test_the_backends_start_from_the_same_bits():
    """But for DeBERTa, part of which is not seen on TensorFlow."""
    names = [name for name in hub_models.MODELS if name != "deberta"]
    found = {}
    for backend in BACKENDS:
        environment = {**os.environ, "KERAS_BACKEND": backend}
        command = [sys.executable, "-W", "ignore", "-c", SAME, ",".join(names), str(TESTS)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found[backend] = json.loads(result.stdout.split("digests ")[1])
    first, *others = found.values()
    assert all(len(first[name]) > 9 for name in names)
    for other in others:
        assert [name for name in names if other[name] != first[name]] == []
