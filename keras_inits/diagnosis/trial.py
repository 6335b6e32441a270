"""Remedies that are carried out on a copy of the weights, and diagnosed again: only what cured is called a cure."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.restored_variables import SEED, kept
from keras_inits.models._initialize import initialize
from keras_inits.models.weights import weights_of


def tried(model: Any, findings: Sequence[Finding], kinds_again: Callable[[], frozenset[str]]) -> tuple[Finding, ...]:
    """The same findings, whose remedies say whether the finding was gone after all of them were carried out.

    Where no remedy names an initializer, nothing is tried. Else it takes about as long as the diagnosis did before.

    Args:
        model: Whose weights are drawn, and put back.
        findings: What was found.
        kinds_again: Diagnoses the model as it is.
    """
    rules = [rule for finding in findings for rule in finding.remedy.rules]
    if not rules:
        return tuple(findings)
    with kept([weight.variable for weight in weights_of(model)]):
        initialize(model, rules, SEED, verbose=0)
        left = kinds_again()
    return tuple(_told(finding, finding.kind not in left) for finding in findings)


def _told(finding: Finding, is_gone: bool) -> Finding:
    remedy = finding.remedy
    if not remedy.rules:
        return finding
    reason = remedy.reason if is_gone else f"{remedy.reason}; and add normalisation, shortcuts, or another activation"
    return dataclasses.replace(finding, remedy=remedy._replace(reason=reason, tried=is_gone))
