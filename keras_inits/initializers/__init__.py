"""From a config to a tensor.

    lookup      "he_normal" -> HeNormal(); the public list
    plain       laws whose scale is given
    scaling     laws whose scale follows from the fans      fans        shape -> (fan_in, fan_out)
    rules       the named ones among them
    orthogonal  matrices that keep norms                    haar        Gaussian -> orthogonal matrix
    base        what they share: the call, the config       arguments   checks
    seeds       seed -> entropy                             sampling    entropy, shape -> array on the host

A new law goes into the file that its line describes, into the list in `lookup`, and below.
"""

from keras.initializers import Constant, Ones, Zeros

from keras_inits.initializers.lookup import get
from keras_inits.initializers.orthogonal import Identity, Orthogonal
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
identity = Identity
zeros = Zeros
ones = Ones
constant = Constant

__all__ = [
    "Constant",
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
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "constant",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
