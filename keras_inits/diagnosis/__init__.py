"""From a model and one batch to numbers for each layer, and to findings with their remedies.

diagnose    model, batch -> diagnosis
watched     model -> the layers that are looked at, with their weights
looks       a layer while the batch goes through -> its numbers
reductions  arrays -> numbers, in pieces
slopes      activation -> where it is flat
losses      outputs, targets -> what is differentiated
kernels     weight, its gradient -> its numbers
numbers     what is measured
findings    numbers -> findings: those of scales, units, fans
cancelled   a gradient that is rounding
finding     what a finding is
remedies    weights -> the initializers that repair them
diagnosis   what comes out
table       a diagnosis -> text, columns
plot        a diagnosis -> a picture
jacobian    model, examples -> the singular values of its input-output Jacobian
"""

from keras_inits.diagnosis.diagnose import diagnose
from keras_inits.diagnosis.diagnosis import Diagnosis
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.jacobian import JacobianSpectrum, jacobian_spectrum
from keras_inits.diagnosis.remedies import Remedy

__all__ = ["Diagnosis", "Finding", "JacobianSpectrum", "Remedy", "diagnose", "jacobian_spectrum"]
