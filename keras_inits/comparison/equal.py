"""Starts that are no different: what a builder that ignores its initializer gives."""

from collections import defaultdict
from collections.abc import Mapping

from keras_inits.comparison.plan import Plan
from keras_inits.runs.key import Key
from keras_inits.runs.name import Name


def equal_starts(plan: Plan, keys: Mapping[Name, Key]) -> tuple[str, ...]:
    """Says of which initializers the first weights are equal with every seed.

    Args:
        plan: What was trained.
        keys: Of its runs.
    """
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for network in plan.builds:
        for initializer in plan.initializers:
            names = [Name(network, initializer, seed) for seed in plan.seeds]
            weights = [keys[name].settings["weights"] for name in names]
            groups[network, *weights].append(names[0].title)
    return tuple(_sentence(names) for names in groups.values() if len(names) > 1)


def _sentence(names: list[str]) -> str:
    return (
        f"{', '.join(names[:-1])} and {names[-1]} start from equal weights. Either they are one law, or "
        "build(initializer) does not use its initializer: hand it to the layers, as in "
        "Dense(8, kernel_initializer=initializer)."
    )
