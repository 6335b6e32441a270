"""The one catalogue of what is known of Keras's and KerasHub's layers: the part that each weight has in its layer.

a layer and one of its weights -> role_of -> its role: kernel, table, start; with fans
                               -> fans_of -> the fans alone

kinds  the layers of Keras's that do the same kind of thing
roles  what a role is
catalogue  which weight has which
builtin  the roles of Keras's weights
hub    those of KerasHub's, by the names of their classes: KerasHub itself is never imported
fans   how many inputs feed a unit, and how many units an input feeds
"""

from keras_inits.layers.fans import fans_of

__all__ = ["fans_of"]
