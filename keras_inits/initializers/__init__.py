"""From a config to a tensor.

    lookup      "he_normal" -> HeNormal(); the public list
    plain       laws whose scale is given                   sparse      one of them with zeros
    constant    one value everywhere
    scaling     laws whose scale follows from the fans      fans        shape -> (fan_in, fan_out)
    rules       the named ones among them                   gains       activation -> factor
    orthogonal  matrices that keep norms                    haar        Gaussian -> orthogonal matrix
    convolution kernels that are zero but at their centre   quadrature  function -> its mean over a normal
    gate_biases biases of the gates of recurrent layers
    gates       fused kernels of recurrent layers           keras1      what `init=` meant in Keras 1
    base        what they share: the call, the config       configs     checks of configs; checks: of weights
    seeds       seed -> entropy                             sampling    entropy, shape -> values on the host
    quantiles   word -> normal value                        threads     chunks of an array -> cores
    buffers     shape -> memory that a backend takes over

A new law goes into the file that its line describes, into the list in `lookup`, and below.
"""

from keras.initializers import Ones, Zeros

from keras_inits.initializers import keras1
from keras_inits.initializers._constant import Constant
from keras_inits.initializers._orthogonal import Identity, Orthogonal
from keras_inits.initializers._sparse import Sparse
from keras_inits.initializers.convolution import DeltaOrthogonal, Dirac
from keras_inits.initializers.gains import gain, stability
from keras_inits.initializers.gates import PerGate
from keras_inits.initializers.lookup import get
from keras_inits.initializers.plain import Normal, TruncatedNormal, Uniform
from keras_inits.initializers.rules import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
)
from keras_inits.initializers.scaling import VarianceScaling

uniform = Uniform
normal = Normal
truncated_normal = TruncatedNormal
lecun_uniform = LecunUniform
lecun_normal = LecunNormal
glorot_uniform = xavier_uniform = XavierUniform = GlorotUniform
glorot_normal = xavier_normal = XavierNormal = GlorotNormal
he_uniform = kaiming_uniform = KaimingUniform = HeUniform
he_normal = kaiming_normal = KaimingNormal = HeNormal
variance_scaling = VarianceScaling
orthogonal = Orthogonal
delta_orthogonal = DeltaOrthogonal
identity = Identity
dirac = Dirac
sparse = Sparse
per_gate = PerGate
zeros = Zeros
ones = Ones
constant = Constant

__all__ = [
    "Constant",
    "DeltaOrthogonal",
    "Dirac",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "KaimingNormal",
    "KaimingUniform",
    "LecunNormal",
    "LecunUniform",
    "Normal",
    "Ones",
    "Orthogonal",
    "PerGate",
    "Sparse",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "constant",
    "delta_orthogonal",
    "dirac",
    "gain",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "kaiming_normal",
    "kaiming_uniform",
    "keras1",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "per_gate",
    "sparse",
    "stability",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
