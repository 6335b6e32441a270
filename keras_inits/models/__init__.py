"""From a built model and rules to new weights, and a table of them.

initialize  model, rules -> new weights, and a table of them
weights     model -> its weights, with fans and streams
rules       weights, rules -> an initializer for each
auto        weight -> the right initializer
graph       layer -> the activation that it runs into
residual    the branches of a residual network -> factors
table       what was drawn
"""

from keras_inits.models.initialize import initialize
from keras_inits.models.lsuv import lsuv
from keras_inits.models.table import DrawnWeight, InitializationTable

__all__ = ["DrawnWeight", "InitializationTable", "initialize", "lsuv"]
