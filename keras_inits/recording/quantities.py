"""What can be recorded of each layer, and what can become of a step: one name each, for tables, files and plots."""

QUANTITIES = {
    "gradient": "norm of the gradient",
    "accumulated": "norm of the accumulated gradient",
    "weight": "norm of the weights",
    "update": "norm of the update / norm of the weights",
    "largest": "largest absolute entry of the gradient",
    "zeros": "share of zero entries of the gradient",
    "nonfinite": "non-finite entries of the gradient",
}
"""Each quantity with its label. The first is always recorded, the second wherever gradients accumulate."""

TRACKED = tuple(name for name in QUANTITIES if name != "accumulated")
"""What a user can ask for."""

UPDATE, ACCUMULATE, SKIP = "update", "accumulate", "skip"
"""What the optimizer did with the gradient of a step: it changed the weights; it added it to those before; it left it
out, because it had overflowed under a dynamic loss scale."""

OUTCOMES = (UPDATE, ACCUMULATE, SKIP)
