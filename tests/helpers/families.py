"""Every public initializer, with arguments that make it, a shape that suits it and the law that its values follow."""

import inspect
from dataclasses import dataclass, field
from typing import Any

import keras_inits
from keras_inits.initializers.lookup import CLASSES

FAN_IN, FAN_OUT = 200, 300


@dataclass(frozen=True)
class Family:
    cls: type
    kwargs: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = (FAN_IN, FAN_OUT)
    stddev: float | None = None  # of its values; None where they are no sample of one law
    shape_of_law: str = "normal"  # "uniform", "normal" or "truncated"

    @property
    def id(self) -> str:
        return "-".join([self.cls.__name__, *(f"{value}".split(":")[0] for value in self.kwargs.values())])

    @property
    def random(self) -> bool:
        return hasattr(self.make(), "seed")

    @property
    def by_name(self) -> bool:
        """Whether its class can be made without arguments."""
        parameters = inspect.signature(self.cls).parameters.values()
        return all(parameter.default is not parameter.empty for parameter in parameters)

    def make(self, **kwargs: Any) -> Any:
        return self.cls(**self.kwargs, **kwargs)


def _of_rules() -> list[Family]:
    families = []
    for name, variance in {
        "Lecun": 1 / FAN_IN,
        "Glorot": 2 / (FAN_IN + FAN_OUT),
        "He": 2 / FAN_IN,
    }.items():
        uniform, normal = getattr(keras_inits, f"{name}Uniform"), getattr(keras_inits, f"{name}Normal")
        families.append(Family(uniform, stddev=variance**0.5, shape_of_law="uniform"))
        families.append(Family(normal, stddev=variance**0.5))
        families.append(Family(normal, {"truncated": True}, stddev=variance**0.5, shape_of_law="truncated"))
    return families


def _of_variance_scaling() -> list[Family]:
    fans = {"fan_in": FAN_IN, "fan_out": FAN_OUT, "fan_avg": (FAN_IN + FAN_OUT) / 2}
    fans["fan_geo_avg"] = (FAN_IN * FAN_OUT) ** 0.5
    laws = {"uniform": "uniform", "untruncated_normal": "normal", "truncated_normal": "truncated"}
    return [
        Family(
            keras_inits.VarianceScaling,
            {"scale": 3.0, "mode": mode, "distribution": distribution},
            stddev=(3.0 / n) ** 0.5,
            shape_of_law=law,
        )
        for mode, n in fans.items()
        for distribution, law in laws.items()
    ]


FAMILIES = [
    Family(keras_inits.Uniform, {"scale": 0.3}, stddev=0.3 / 3**0.5, shape_of_law="uniform"),
    Family(keras_inits.Normal, {"scale": 0.3}, stddev=0.3),
    Family(
        keras_inits.TruncatedNormal,
        {"mean": 0.0, "stddev": 0.3},
        stddev=0.3 * 0.8796256610342398,
        shape_of_law="truncated",
    ),
    *_of_rules(),
    *_of_variance_scaling(),
    Family(
        keras_inits.VarianceScaling,
        {"distribution": "untruncated_normal", "activation": "gelu"},
        stddev=1.5335304411955348 / FAN_IN**0.5,
    ),
    Family(keras_inits.Orthogonal, {"gain": 1.5}),
    Family(keras_inits.DeltaOrthogonal, {"gain": 1.5}, shape=(3, 2, 30, 20)),
    Family(keras_inits.Identity),
    Family(keras_inits.Identity, {"gain": 1.5}),
    Family(keras_inits.Dirac, {"gain": 1.5, "groups": 2}, shape=(3, 2, 4, 10)),
    Family(keras_inits.Sparse, {"sparsity": 0.25, "scale": 0.3}),
    Family(keras_inits.PerGate, {"initializer": keras_inits.Normal(0.3, seed=5), "gates": 4}, stddev=0.3),
    Family(keras_inits.Zeros),
    Family(keras_inits.Ones),
    Family(keras_inits.Constant, {"value": 0.25}),
]
RANDOM = [family for family in FAMILIES if family.random]
SAMPLES = [family for family in RANDOM if family.stddev is not None]
MISSING = set(CLASSES) - {family.cls for family in FAMILIES}  # a test asserts that there is none
