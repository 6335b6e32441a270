"""How often `Alerts` speak up in trainings that are healthy.

Run: python benchmarks/alerts.py [--part report] [--models 150] [--steps 100]

The models are the healthy ones of `detection.py`: those whose twin in float64 has none of the diseases that `confirm`
looks for. Each is trained with Adam on classes that a random linear map gives its inputs, and its logger warns of all
that it calls bad. Printed are the alerts, with the recipe of each model, and how many there are in 10,000 steps. An
alert is checked by the same twin, with the weights that the model has when training ends: one of a model that became
ill is no false one.
"""

import argparse
import os
import warnings
from typing import Any

import numpy as np

RATE = 1e-3
BATCH = 32
ILL = {"vanishing_gradient", "exploding_gradient", "nonfinite"}


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=("choosing", "report"), default="report")
    parser.add_argument("--models", type=int, default=150, help="how many are trained")
    parser.add_argument("--steps", type=int, default=100, help="for how many steps each")
    return parser.parse_args()


def healthy(part: str, number: int) -> Any:
    """So many recipes with their models, which no twin finds ill."""
    import detection
    import generated
    import keras

    made = [recipe for recipe in generated.recipes(part, number) if recipe.plant == "healthy"]
    count = 0
    for recipe in made:
        if count == number:
            return
        keras.utils.clear_session()
        keras.utils.set_random_seed(recipe.seed)
        model = generated.build(recipe, "float32", split=False)
        generated.plant(model, recipe)
        with np.errstate(all="ignore"):
            ill = detection.confirm(recipe, *detection.exact(recipe, model))
        keras.config.set_dtype_policy("float32")
        if not ill & ILL:
            count += 1
            yield recipe, model


def alerts_of(recipe: Any, model: Any, steps: int) -> list[str]:
    """Trains a model, and returns the kinds of the alerts and what the twin says of the model when it has ended."""
    import detection
    import generated
    import keras

    from keras_inits import Alerts, GradientNormLogger

    x = generated.batch(recipe, model)
    y = generated.labels(recipe, x)
    model.compile(keras.optimizers.Adam(RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        epochs = -(-steps * BATCH // len(x))
        model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[GradientNormLogger(alerts=Alerts())])
    said = [str(one.message) for one in caught if "found a gradient that is" in str(one.message)]
    if said:
        with np.errstate(all="ignore"):
            ill = detection.confirm(recipe, *detection.exact(recipe, model)) & ILL
        said.append(f"the twin says: {', '.join(sorted(ill)) or 'healthy'}")
    return said


def main() -> None:
    """Trains, counts, prints."""
    arguments = parsed()
    os.environ["KERAS_BACKEND"] = "torch"
    import torch

    torch.set_num_threads(1)
    models = alerts = false = 0
    for recipe, model in healthy(arguments.part, arguments.models):
        said = alerts_of(recipe, model, arguments.steps)
        models += 1
        if said:
            alerts += len(said) - 1
            false += (len(said) - 1) * said[-1].endswith("healthy")
            print(recipe, *said, sep="\n    ", flush=True)
    steps = models * arguments.steps
    print(f"{models} healthy models, {steps} steps: {alerts} alerts, {false} of models that are healthy when it ends")
    print(f"false alerts in 10,000 steps: {1e4 * false / steps:.2f}")


if __name__ == "__main__":
    main()
