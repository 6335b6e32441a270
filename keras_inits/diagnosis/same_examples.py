"""The finding `same_examples`: a batch from which nothing can be told of the weights."""

from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedy import Remedy


def same_examples(case: Case) -> Finding | None:
    """All examples are zero, or equal to each other: what layers make of them is the same, whatever the weights."""
    batch = case.batch
    if not (batch.are_zero or batch.are_equal):
        return None
    several = f"all {batch.examples} examples are" if batch.examples > 1 else "the only example is"
    evidence = f"{several} {'zero' if batch.are_zero else 'equal'}: nothing can be told of the weights by them"
    remedy = "no weight is at fault: pass the first batch that the model is to be trained on"
    return Finding("same_examples", (), evidence, Remedy(remedy), of_data=True)
