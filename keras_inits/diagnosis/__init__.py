"""From a model and one batch to numbers for each layer, and to findings with their remedies.

diagnose          model, batch -> diagnosis
batch             inputs, targets -> what is known of them before any layer
watched           model -> the layers that are looked at, with their weights
forward_backward  model, batch -> the calls of its layers, the gradients of its weights; whose fault a failure is
probes            a layer while the batch goes through -> the numbers of each call
unseen            layers that showed nothing -> the reason
endings           what calls put out, what the model does -> the calls it ends with
computed_once     a model that computes layers again on the way back -> one whose layers show their values
reductions        tensors -> numbers, on the device: with norms, counts, masks, unit_sums
slopes            activation -> where it is flat
losses            outputs, targets -> what is differentiated
compared          an output, its targets, its loss -> a number
matching          outputs, targets, losses -> which belong together
labels            targets -> whether they are classes that the outputs have
unread            layer -> whether the model's outputs depend on its own
paths             a call -> those that depend on its outputs
kernels           weight, its gradient -> its numbers
numbers           what is measured
rows              calls -> their numbers
case              all that findings are made from, and the remedies that draw its weights again
findings          a case -> findings: those of nonfinite, same_examples, no_gradient, units, signal_sizes,
                  gradient_sizes, fans
signals           rows -> the sizes of their signals, from layer to layer
closed_branches   a case -> the rows in branches that begin closed beside a shortcut
rescaling         kernels whose weights have a wrong size -> the remedy that draws them again, or another one
kernel_sizes      kernel -> whether its weights are too small or too large, by more than chance
setup             data, targets, losses, optimizer -> findings and notes of the set-up; a room of its own
trial             findings -> those whose remedies were carried out and diagnosed again
restored_variables  the model, as it was before the trial
restoring         a weight or a statistic that is not finite -> what gives it a finite value again
cancelled         a gradient that is rounding
finding           what a finding is
remedy            what repairs a finding: initializers for weights, a line of code
rule_code         initializers for weights -> rules for `initialize`, and their Python
diagnosis         what comes out
table             a diagnosis -> text, columns
plot              a diagnosis -> a picture
report            a diagnosis -> a page, with charts
histograms        a model, examples -> how its weights and outputs are spread
command           what the command `keras-inits diagnose` does
files             a model or a batch on disk -> in memory, if it is whole
jacobian          model, examples -> the singular values of its input-output Jacobian
jacobian_inputs   model, examples -> whether they have a Jacobian
products          model, examples -> products with the Jacobian
bidiagonal        products with a matrix -> a bidiagonal one with the same singular values
"""

from keras_inits.diagnosis._diagnose import diagnose
from keras_inits.diagnosis.diagnosis import Diagnosis
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.jacobian import JacobianSpectrum, jacobian_spectrum
from keras_inits.diagnosis.remedy import Remedy

__all__ = ["Diagnosis", "Finding", "JacobianSpectrum", "Remedy", "diagnose", "jacobian_spectrum"]
