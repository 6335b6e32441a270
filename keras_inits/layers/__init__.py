"""The one catalogue of what is known of Keras's and KerasHub's layers.

a layer and one of its weights -> role_of       -> its role: kernel, table, start; with fans
                               -> fans_of       -> the fans alone
                               -> kernel_axes   -> the axes whose entries are units
a layer                        -> activation_of -> the function that it ends with, or is

kinds  the layers, and the operations of a graph, that do the same kind of thing
roles  what a role is
catalogue  which weight has which
builtin  the roles of Keras's weights, and their fans
hub    those of KerasHub's, by the names of their classes: KerasHub itself is never imported
fans   the public look-up of both
axes   which axes of outputs and kernels are units
scores  which layers say where attention looks
activations  the activation of a layer, and its gain
tree   a model -> its layers in depth order, with names
"""

from keras_inits.layers.fans import fans_of

__all__ = ["fans_of"]
