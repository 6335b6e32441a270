"""KerasHub's models, each of two or three layers and a few units, with random weights: nothing is downloaded.

`MODELS` says for each name what builds the model and what makes a batch for it. They are what people train: a backbone
with its head, or the backbone where KerasHub has no head that does without a tokenizer.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from helpers import hub_images, hub_mixed, hub_text


class HubModel(NamedTuple):
    """What builds a model, and what makes a batch of so many examples."""

    build: Callable[[], Any]
    batch: Callable[[int], Any]


MODELS = {name: HubModel(*entry) for room in (hub_text, hub_mixed, hub_images) for name, entry in room.MODELS.items()}
# Those that the tests do in full.
NAMED = ("bert", "gpt2", "llama", "gemma", "vit", "resnet", "t5", "whisper", "mixtral")


# Whose `fit` KerasHub refuses: "Segment Anything Model only supports inference for now".
TRAINED = [name for name in MODELS if name != "segment_anything"]
# Those that each backend predicts and trains with: on torch, which compiles nothing, all; else the named ones and those
# with something that these lack.
FIT = TRAINED
if keras.backend.backend() != "torch":
    FIT = [*NAMED, "albert", "bart", "clip", "roformer", "diffusion_transformer", "swin", "mobilenet", "segformer"]
# What KerasHub's own code warns of.
WARNINGS = [
    pytest.mark.filterwarnings(f"ignore:{text}")
    for text in (
        ".*was passed an input with a mask:UserWarning",
        "The 'rwkv_ops' package is not installed",
        "Using a non-tuple sequence for multidimensional indexing:UserWarning",
    )
]


def build(name: str, seed: int = 0) -> Any:
    """The model, with the same names and weights each time."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    return MODELS[name].build()


def batch(name: str, model: Any, size: int = 4) -> tuple[Any, Any]:
    """Inputs, and random targets for `mse` in the structure of the model's outputs."""
    x = MODELS[name].batch(size)
    random = np.random.default_rng(1)
    outputs = model.compute_output_spec(keras.tree.map_structure(lambda a: keras.KerasTensor(a.shape, a.dtype), x))
    if any(None in output.shape for output in keras.tree.flatten(outputs)):  # not known without a call
        outputs = model.predict(x, verbose=0)
    return x, keras.tree.map_structure(lambda o: random.standard_normal(o.shape).astype("float32"), outputs)


def array(tensor: Any) -> np.ndarray:
    """In float64, on the host."""
    return keras.ops.convert_to_numpy(keras.ops.stop_gradient(tensor)).astype("float64")


@contextlib.contextmanager
def noted_calls() -> Iterator[list[Any]]:
    """What each layer is given and gives back, in the order in which the calls end."""
    call, notes = keras.Layer.__call__, list[Any]()

    def noting_call(self: Any, *arguments: Any, **options: Any) -> Any:
        outputs = call(self, *arguments, **options)
        notes.append((self, arguments, options, keras.tree.flatten(outputs)))
        return outputs

    keras.Layer.__call__ = noting_call
    try:
        yield notes
    finally:
        keras.Layer.__call__ = call
