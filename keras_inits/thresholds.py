"""What counts as vanishing or exploding: one named constant each, with its derivation.

A gradient norm says nothing on its own: the loss may be multiplied by anything. So a layer is judged beside the largest
layer of the same step, and absolute bounds are only those of float32, the type in which Keras trains by default.
"""

import math

FLOAT32_ROUNDOFF = 2.0**-24
"""Half the distance from 1 to the next float32, 6e-8: a relative change below it is rounded away."""

FLOAT32_LARGEST = (2 - 2.0**-23) * 2.0**127
"""The largest finite float32, 3.4e38."""

FLOAT32_SMALLEST = 2.0**-126
"""The smallest normal float32, 1.2e-38."""

HEALTHY_UPDATE = 1e-3
"""One step's change of a layer's weights, relative to the weights, in a network that trains well.

The rule of thumb of the CS231n notes on training ("should be somewhere around 1e-3"; far above, the learning rate is
too high, far below, too low).
"""

VANISHING_RATIO = FLOAT32_ROUNDOFF / HEALTHY_UPDATE
"""A layer's gradient norm over the largest layer's of the same step, 6e-5, below which the layer stands still.

Let the learning rate move the largest layer by `HEALTHY_UPDATE`. With weights of one size, a layer whose gradient is
smaller by this factor moves by `FLOAT32_ROUNDOFF` of its weights: the sum of weight and update is the weight. (An
optimizer that rescales each gradient, such as Adam, can hide this for as long as the gradient is above its epsilon.)
"""

EXPLODING_RATIO = 1 / VANISHING_RATIO
"""Growth of the norm from a layer towards the input, 1.7e4, from which the two cannot both train.

The same factor, read in the direction of the backward pass: a learning rate that moves the lower, larger layer by
`HEALTHY_UPDATE` rounds the upper one away, and one that moves the upper changes the lower layer's weights by more than
ten times their size.
"""

EXPLODING_NORM = math.sqrt(FLOAT32_LARGEST)
"""A norm, 1.8e19, whose square float32 cannot hold: Adam's second moment and clipping by norm become infinite."""

VANISHING_NORM = math.sqrt(FLOAT32_SMALLEST)
"""A norm, 1.1e-19, whose square float32 cannot hold: Adam's second moment becomes zero."""

ENDING_SHARE = 0.1
"""The last tenth of the steps, most of which must be healthy for a run to have ended well.

One step is one batch, and saturated or dead units flicker from batch to batch: a single step is no ending.
"""
