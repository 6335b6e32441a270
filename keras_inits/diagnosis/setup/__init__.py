"""From the set-up around the weights to findings: data, targets, the last activation beside the loss, the optimizer.

set_up            a pass -> what all checks look at (setup)
outputs           outputs, targets, losses -> each output beside what it is compared with, and what put it out
last_activation   a loss that is not made for what the last layer puts out; changes: the line that mends it
targets           targets that are not what the loss takes, or of a size that no step reaches
unscaled_inputs   numbers that go into the first kernels as nobody scaled them
constant_columns  a note: columns of a table that tell no examples apart
no_loss_gradient  a loss that does not depend on the outputs
examples_alike    outputs that are the same whatever goes in
step              optimizer, gradients -> the loss after one step, on copies
learning_rate     a rate with which the first steps raise the loss
faded_start       a signal whose fading, and not the rate, makes steps too small
first_loss        outputs that are much worse than the best constant ones
small_weights     findings -> notes, where the optimizer moves small weights all the same
stacks            a note: layers that compute together what one could
squares           a note: a squared error of probabilities
order             findings -> causes first, and what follows from them
"""

from keras_inits.diagnosis.setup._set_up import set_up
from keras_inits.diagnosis.setup.checks import KINDS, NOTE_KINDS, OF_ALL, OF_THE_LOSS, checked

__all__ = ["KINDS", "NOTE_KINDS", "OF_ALL", "OF_THE_LOSS", "checked", "set_up"]
