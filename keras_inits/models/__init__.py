"""From a built model to the same model with other weights, or with other initializers.

initialize  model, rules -> new weights, and a table of them
lsuv        model, batch -> the same, scaled until each layer's outputs have the mean square 1
from_data   drawn weights, data -> weights that fit them, by these:
  sample        data -> some examples
  readers       model -> the layers that read its inputs, and where each feature is in what they read
  statistics    inputs -> mean and deviation of each feature
  standardise   these -> kernels and biases that took them in; folding: how each kind of layer does
  scaled        kernels, batch -> scaled ones; scaling: while the batch goes through the model
  last_bias     targets -> the last bias; targets: the best outputs by each loss; heads: the layers that put them out
builtin     model -> a new one with initializers of Keras's
clone       model, config -> a new one with the same weights
same        two models -> whether they predict the same
weights     model -> its weights, with roles, fans and streams
declared    layer -> the initializers that it declares
rules       weights, rules -> an initializer for each
auto        weight -> the right initializer
graph       layer -> the activation that it runs into, the prediction of what comes into it
signal/     a model -> what is predicted of the signal in it, without data
draw        weights with initializers -> new values
calls       batch, model -> whether the one can be sent through the other
reset       what training changed beside the weights -> its start
examples    some of a batch's examples
build_table drawn weights, prediction -> the table; verdict: what a start can do over the depth, and what it cannot
table       what was drawn, what is predicted of it, and what was left
"""

from keras_inits.models._initialize import initialize
from keras_inits.models._lsuv import lsuv
from keras_inits.models.builtin import to_builtin
from keras_inits.models.table import DrawnWeight, InitializationTable, LeftWeight

__all__ = ["DrawnWeight", "InitializationTable", "LeftWeight", "initialize", "lsuv", "to_builtin"]
