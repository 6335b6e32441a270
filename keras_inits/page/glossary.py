"""The terms of the page, each in a sentence or two."""

GLOSSARY = {
    "start": "The weights that a model has before its first step, drawn by an initializer.",
    "run": "One training from one start with one seed.",
    "seed": "The number from which all random numbers of a run follow: weights, and the order of the examples.",
    "gradient norm": "The length of the vector of all derivatives of the loss by the weights of one layer, as the "
    "optimizer received it. Layers whose norms are of one size learn together.",
    "loss of guessing": "The loss of the best outputs that are the same for all examples: of the shares of the "
    "classes, or of the mean of the targets. Who is no better knows nothing of the inputs.",
    "first layer": "The layer next to the input.",
    "finding": "A fault that one batch showed before training, with the code that repairs it.",
    "deviation": "The standard deviation of all numbers that a layer puts out for a batch.",
    "histogram": "How many of a layer's weights, or outputs, lie in which range; the lighter, the more.",
    "[ , ]": "The least and the largest value over the seeds, behind their median.",
}
"""Each term with its meaning."""
