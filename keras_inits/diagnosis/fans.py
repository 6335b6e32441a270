"""The finding `wrong_fans`: a kernel whose scale is that of a rule, with fans that are not its layer's."""

import math

from keras_inits import thresholds
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.numbers import KernelNumbers
from keras_inits.initializers.fans import compute_fans


def wrong_fans(case: Case) -> Finding | None:
    """Kernels with the scale of a rule for the fans that their shape seems to have, and of none for those they have."""
    found = [
        (row.name, kernel, rule)
        for row in case.rows
        for kernel in row.kernels
        if kernel.trainable and (rule := _rule_of_shape(kernel)) is not None
    ]
    if not found:
        return None
    name, kernel, rule = max(found, key=lambda one: abs(math.log(_excess(one[1]))))
    evidence = (
        f"{name} has the standard deviation {kernel.moments.stddev:.3g} of {rule}'s rule for the fan_in "
        f"{compute_fans(kernel.shape)[0]:g}, which its shape seems to have; its layer has {kernel.fans[0]:g}, and "
        f"{rule}'s rule {kernel.rules[rule.lower()]:.3g}"
    )
    reason = "with the fans that the layers really have"
    return Finding(
        "wrong_fans", tuple(one[0] for one in found), evidence, case.for_kernels([one[1] for one in found], reason)
    )


def _rule_of_shape(kernel: KernelNumbers) -> str | None:
    if len(kernel.shape) < 2 or max(_excess(kernel), 1 / _excess(kernel)) < thresholds.WRONG_FANS_FACTOR:
        return None
    fan_in, fan_out = map(float, compute_fans(kernel.shape))
    apparent = kernel._replace(fans=(fan_in, fan_out)).rules
    if any(_is_of(kernel, rule) for rule in [*kernel.rules.values(), kernel.auto or 0.0]):
        return None
    return next((name.capitalize() for name, rule in apparent.items() if _is_of(kernel, rule)), None)


def _excess(kernel: KernelNumbers) -> float:
    """The fan that the shape seems to have over the real one."""
    return float(compute_fans(kernel.shape)[0]) / kernel.fans[0]


def _is_of(kernel: KernelNumbers, rule: float) -> bool:
    """Whether the weights' standard deviation is the rule's, but for sampling: sqrt(1 / 2n) of it for normal values."""
    error = math.sqrt(0.5 / math.prod(kernel.shape))
    return abs(kernel.moments.stddev - rule) <= thresholds.FANS_DEVIATIONS * error * rule
