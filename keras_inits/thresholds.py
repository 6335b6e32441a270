"""What counts as vanishing or exploding: one named constant each, with its derivation.

A gradient norm says nothing on its own: the loss may be multiplied by anything. So a layer is judged beside the largest
layer of the same step, and absolute bounds are only those of float32, the type in which Keras trains by default.
"""

import itertools
import math
from statistics import NormalDist

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

RATIO_UNCERTAINTY = 2.0
"""The factor by which a ratio of two layers' norms is uncertain, seen on one batch in float32. `diagnose`, which looks
once, reports by so much before the two ratios above; alerts, which see every step, do not.

Where one example is most of a norm, rounding can carry one of its units over the edge of a saturating activation, and
the norm with it. Of 24 generated models (large starts of 2 to 40 layers, gradients that grow more than a hundredfold)
the ratio was within a factor 2 of the exact one in about nine of ten.
"""

PERSISTENT_STEPS = 10
"""For how many recorded steps in a row one layer's norm must be lost beside another's before training is alarmed.

A head of zeros passes nothing back at the first step, nor does a branch with a gate of zero. The first healthy step
moves it by `HEALTHY_UPDATE`, which is sixteen times `VANISHING_RATIO`; after ten steps it is beyond that if it moves by
a hundredth of it, too. Units that are off for one batch flicker.
"""

EXPLODING_NORM = math.sqrt(FLOAT32_LARGEST)
"""A norm, 1.8e19, whose square float32 cannot hold: Adam's second moment and clipping by norm become infinite."""

VANISHING_NORM = math.sqrt(FLOAT32_SMALLEST)
"""A norm, 1.1e-19, whose square float32 cannot hold: Adam's second moment becomes zero."""

ENDING_SHARE = 0.1
"""The last tenth of the steps, most of which must be healthy for a run to have ended well.

One step is one batch, and saturated or dead units flicker from batch to batch: a single step is no ending.
"""

SATURATED_DERIVATIVE = 0.01
"""Of an activation's largest derivative: below it a unit counts as saturated. tanh is there beyond 2.99, and the
sigmoid beyond 5.99. In `1 / HEALTHY_UPDATE` steps, in which weights with their full gradient move by their own size,
those of a unit that passes a hundredth of it move by a hundredth."""

SATURATED_SHARE = 0.5
"""The saturated share of a layer from which the layer counts as saturated, of the units and examples that a good start
leaves unsaturated: a good start would pass back through twice as many.

There the input is normal and has the mean 0 and the variance 1, or a larger one at which the activation passes more on.
Of the variance 1, 0.003 are saturated for tanh, 0.32 for hard_tanh, and 0.5 for relu6, which is off below zero; before
20 sigmoids in a row the variance is 45, and 0.37 are.
"""

DEAD_SHARE = 0.5
"""Of a layer's units that are zero on the whole batch. Deep in a network all examples look alike, and a unit whose
weights are symmetric about zero is then off for all of them with probability 1/2: so many are no fault of theirs."""

UNITS_DEVIATIONS = 4.0
"""The number of standard deviations, sqrt(p (1 - p) / n) for n units, by which chance may exceed the share p of units
off in a good start: in 3e-5 of the layers it does by more, and in 0.3 percent of networks of 100 layers."""


FEW_UNITS = 16
"""Up to how many units the share `DEAD_SHARE` and `UNITS_DEVIATIONS` of its deviations come to all of them."""


COUNTED_UNITS = 64
"""Up to how many units chance is counted exactly: of a larger share than a half, `UNITS_DEVIATIONS` come to all of
more units than `FEW_UNITS`."""


CHANCE_TAIL = 3e-5
"""The probability of so many dead or saturated units that chance is no explanation, that of `UNITS_DEVIATIONS`."""


def dead_limit(units: int, off_by_chance: float = DEAD_SHARE) -> float:
    """The share of dead units, of so many, that chance stays below.

    Args:
        units: The layer's.
        off_by_chance: The probability that one unit of a good start is off for the whole batch, which few units need to
            be told by.
    """
    return max(DEAD_SHARE, _chance(off_by_chance if units <= FEW_UNITS else DEAD_SHARE, units))


def off_by_chance(alike: float, examples: int) -> float:
    """The probability that a unit with weights symmetric about zero, and no bias, is off for all of so many examples.

    What goes into it are normal numbers whose correlation is the cosine between examples: for a common part u, each is
    below zero with the probability P(z < -u sqrt(c / (1 - c))). The mean over u is taken at 200 quantiles.

    Args:
        alike: The mean cosine between two examples, as the layer gets them.
        examples: Their number.
    """
    cosine = min(max(alike, 0.0), 1 - 1e-9)
    normal, scale = NormalDist(), math.sqrt(cosine / (1 - cosine))
    common = [normal.inv_cdf((number + 0.5) / 200) for number in range(200)]
    return sum(normal.cdf(-one * scale) ** examples for one in common) / len(common)


def _binomial(units: int, count: int, share: float) -> float:
    return math.comb(units, count) * share**count * (1 - share) ** (units - count)


def saturated_limit(normal: float, units: int, alike: float = 1.0, examples: int = 1) -> float:
    """The share of saturated units and examples that a layer of so many units may have.

    Args:
        normal: The share for the normal inputs of a good start.
        units: The layer's. Where all examples look alike, they alone are the sample.
        alike: The mean cosine between two examples' inputs of the activation. For normal numbers it is the correlation,
            and that of whether they are saturated is no larger.
        examples: Their number.
    """
    shared = min(max(alike, 0.0), 1.0)
    sample = units / (shared + (1 - shared) / max(1, examples))
    return max(normal + SATURATED_SHARE * (1 - normal), _chance(normal, int(sample)))


def _chance(share: float, count: int) -> float:
    """The largest share of so many that has a property by chance, if each has it with this probability."""
    if count > COUNTED_UNITS:
        return share + UNITS_DEVIATIONS * math.sqrt(share * (1 - share) / count)
    tails = itertools.accumulate(_binomial(count, number, share) for number in range(count, -1, -1))
    rare = sum(tail < CHANCE_TAIL for tail in tails)  # so many of the largest numbers are rarer, all together
    return (count - rare) / max(1, count)


DEAD_ENTRIES = 15
"""The least outputs of which a layer of zeros alone counts as dead. Each is zero with probability 1/2 in a good start,
and all of so many in 3e-5 of the layers, as often as for `UNITS_DEVIATIONS`."""

SIGNAL_ENTRIES = 3
"""The least outputs whose standard deviation says whether there is a signal. One has none, and two normal numbers come
closer than `VANISHING_SIGNAL` in 6e-4 of the cases; three in less than 1e-6."""

LEAST_NORMALISED = 16
"""Over how many values batch normalisation must normalise a unit for the gradients before it to be judged.

It takes two of the values' dimensions from the gradient, and divides by a deviation that few values make small by
chance. Through 30 dense layers of 64 relu units its norm grows by 1.24 per layer with 16 values (1.22 to 1.25, five
seeds, torch), by 1.19 with 256, by 1.30 with 8, and by 1.56 with 4.
With one value the outputs are the layer's offset, whatever comes in.
"""

SYMMETRIC_SHARE = 0.1
"""Of a layer's units that are equal to another one and have an equal gradient, so that they stay equal. Two draws from
a law are never equal; a tenth of the width, lost for good, is what the choice of a width would not notice."""

VANISHING_SIGNAL = HEALTHY_UPDATE
"""A layer's standard deviation, beside that of the inputs or 1 if they are larger, below which nothing of it is seen.

Adam, with its default learning rate, moves each bias by 1e-3 in the first step, whatever its gradient: behind a layer
whose outputs differ by less, that is more than all that tells two examples or two units apart.
"""

FADED_SIGNAL = VANISHING_SIGNAL**0.5
"""A layer's standard deviation, beside that of the inputs or 1 if they are larger, below which a step that is too small
may be the signal's fault, and not the rate's: the middle between none of it and all, on the scale of factors. It is
reported where weights of `initialize` cure the step at the same rate."""

EXPLODING_SIGNAL = 1 / HEALTHY_UPDATE
"""A layer's standard deviation, beside that of the inputs or 1 if they are smaller, above which no step is small.

One step that changes the weights by `HEALTHY_UPDATE` of their size, as is healthy, then moves what the layer puts out
by more than 1: the odds of a softmax behind it, by more than a factor of e.
"""

FLOAT16_LARGEST = 65504.0
"""The largest finite float16."""

FLOAT16_SMALLEST = 2.0**-14
"""The smallest normal float16, 6.1e-5: what is smaller loses digits, and is zero from 6e-8 on."""

FLOAT16_ROOM = 16.0
"""The distance, as a factor, of a batch's largest value to `FLOAT16_LARGEST`. In `1 / HEALTHY_UPDATE` steps weights can
grow by their own size, and what passes through four layers that did so is 16 times as large."""

WRONG_FANS_FACTOR = math.sqrt(2)
"""The factor by which a layer's variance is off where its fans count as wrong. A factor of 2 is known to stop a network
of 30 layers (He et al. 2015, figure 3), 1 is right; this is the middle, on the scale of factors."""

FANS_DEVIATIONS = 4.0
"""Within how many sampling errors a kernel's standard deviation is that of a rule: 6e-5 of all kernels are outside."""

LARGE_INPUTS = 10.0
"""The root mean square of what goes into the first kernel, above which it counts as not scaled.

Rules for kernels are for inputs of 1. Inputs of 10 make what the first layer puts out ten times as large, and the
gradient of its kernel ten times more again: a rate that moves others by `HEALTHY_UPDATE` moves it by a tenth of its
size.
"""

ALIKE = HEALTHY_UPDATE**0.5 / math.sqrt(10)
"""The deviation across examples of what goes into the last kernel, beside its root mean square, 0.01, below which SGD
does not find it.

The loss is then curved by (1 / 0.01)^2 = 10^4 times as much along what all examples have in common as along what tells
them apart: a rate that suits the first takes so many steps for the second. Momentum of 0.9 makes ten steps of one, and
`1 / HEALTHY_UPDATE` steps as far-reaching as 10^4. In 300 steps at rates of 0.03, 0.1 and 0.3 networks of sigmoids
learn scikit-learn's digits where it is 0.015 (three layers drawn by Glorot's rule, four by He's), and not where it is
0.0048 (four and five); Adam, which moves each weight by as much, learns there, more slowly.
"""

INPUT_OFFSET = 10.0
"""The largest mean of the inputs, in their deviations. What tells examples apart is then a hundredth of their
square, and the least curvature of the loss by the first kernel a hundredth of the largest (LeCun et al. 1998)."""

COLUMN_SPREAD = 100.0
"""The largest ratio of the deviations of two columns: gradients by their weights then differ as much, and the
curvatures by its square, which is more than `1 / HEALTHY_UPDATE`: where one column takes a step, another takes a
thousand."""

LARGE_COLUMN = 3.0
"""The deviation of the largest column from which its spread counts. Where all are smaller, as in images of 0 to 1 whose
borders hardly change, the small ones only say little."""

LARGE_TARGETS = 1000.0
"""The root mean square of a regression's targets above which they count as not scaled: `1 / HEALTHY_UPDATE`. Outputs
start near 1, and a step that moves weights by `HEALTHY_UPDATE` of their size moves these by 0.001; to grow to a
thousand times their size they take as many steps as all of a short training has."""

HEARD_EXAMPLES = 0.1
"""The share of examples that must send a gradient to the outputs. A loss that is exactly flat for nine of ten at its
start learns of the tenth alone; a margin, or the saturation of float32, is reached by training, not before it."""

LOSS_RISE = 0.2
"""The share of itself by which the loss of a batch may rise at a step on that same batch. A step of the size that
lowers it most lowers it; at twice that size a square has its old value again, and at 2.1 times it rises by a fifth of
what it could fall."""

LARGE_UPDATE = 0.3
"""A step's change of a kernel, relative to it, above which the rate is suspect: 300 times `HEALTHY_UPDATE`, and after
three such steps nothing is left of a start."""

SMALL_UPDATE = 1e-5
"""A step's change of a kernel, relative to it, below which the rate is too low if it is so in all layers: a hundredth
of `HEALTHY_UPDATE`, at which weights take 100,000 steps to change by their size."""

CURED_UPDATE = (SMALL_UPDATE * HEALTHY_UPDATE) ** 0.5
"""A step's change of a kernel, relative to it, 1e-4, from which the step counts as cured of being too small by other
weights: the middle between too small and healthy, on the scale of factors."""

FIRST_LOSS = 4.0
"""The largest first loss of which no note is made: of a classification in losses of equal shares, of a regression in
errors of the best constant. At so many the logits of N classes have a deviation of about three times log N,
and the softmax is sure of one class for most examples, whichever it is: a good start has logits of 1 or less, and 1.2
times that loss. It trains nonetheless, to a loss that is a fifth to a half larger on other data.
"""

FAR_LOSS = 27.0
"""The largest ratio that is no finding. A network of three relu layers learns scikit-learn's digits in 300
steps of SGD, of SGD with momentum and of Adam from a first loss of 14 times, whether it is the head, all kernels or the
inputs that are too large (0.88 to 1.0 of the training examples; three seeds), and with momentum not from one of 54
times (0.10 to 0.50, but 1.0 where all kernels are). This is the middle, on the scale of factors.
"""

FAR_OUTPUTS = 100.0
"""The largest error of a regression, in errors of the best constant. The gradient of a squared error is the
error: a rate that suits the first steps is 100 times too small where the inputs begin to matter, and one that suits
these is 100 times too large for the first. Of 150 generated healthy programs 12 are off by 4 to 40, and train.
"""

ONE_OF_SEVERAL = 64
"""In how many examples one class of three or more must show others. If the commonest has nine of ten, all of so many
are of it in 0.001 of the batches."""

ONE_OF_TWO = 128
"""The same for two classes, of which one may be rare: at one of 20, fewer than 0.002 of the batches have none."""

AT_CHANCE_SHARE = 0.05
"""The share of the loss of guessing that a training must have taken off to have learned anything.

Over 1,000 normal targets the squared error of the best constant varies by sqrt(2 / 1000), 0.045 of itself; the loss of
shares of classes varies less. By so much two samples of the same data differ, with nothing learned.
"""

SLOW_SHARE = 0.9
"""The share of what the best run took off the loss of guessing, below which a run is slow.

A tenth of what there was to learn, and was learned from another start, is not. Of the sixteen runs of
`keras-inits compare` (TensorFlow, seed 0) those above it take off 0.95 to 1 of that, and classify 0.92 to 0.96 of the
validation examples; those that learned less take off 0.69 to 0.81, and classify 0.57 to 0.80.
"""

DIVERGED_LOSS = FIRST_LOSS
"""The ratio of the last loss to that of guessing above which a training has diverged: so many times it may be
at the start, and no training is meant to end there."""
