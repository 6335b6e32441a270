"""What a start's diagnosis could not look at is said in the table, the page and the files of a comparison."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import compare
from keras_inits.comparison.report import render_report
from keras_inits.runs.task import Training
from keras_inits.runs.trainer import looked_at

x = np.random.default_rng(0).standard_normal((32, 4)).astype("float32")


class Spare(keras.Model):
    def __init__(self, initializer):
        super().__init__()
        self.used = layers.Dense(4, kernel_initializer=initializer, name="used")
        self.spare = layers.Dense(4, name="spare")
        self.spare.build((None, 4))
        self.compile("sgd", "mse")

    def call(self, inputs):
        return self.used(inputs)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_a_layer_that_was_not_looked_at_is_told_of(tmp_path):
    comparison = compare(Spare, (x, x), ["orthogonal"], epochs=1, output=tmp_path)
    (run,) = comparison.runs
    assert [(one.name, one.kind) for one in run.unseen] == [("spare", "Dense")]
    assert comparison.to_dataframe()["unseen"].tolist() == ["spare"]
    page = render_report(comparison)
    assert "No findings in what was looked at." in page
    assert "Not looked at: 1 layer<" in page
    assert "<code>spare</code> (Dense): the batch does not reach it" in page
    (again,) = compare(Spare, (x, x), ["orthogonal"], epochs=1, output=tmp_path).runs
    assert dataclasses.replace(again, trace=None) == dataclasses.replace(run, trace=None)


def test_of_a_model_that_its_train_step_calls_part_by_part_nothing_is_looked_at():
    class Parts(keras.Model):
        def __init__(self):
            super().__init__()
            self.part = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="hidden")], name="part")

    rows, findings, unseen, fault, *losses = looked_at(Parts(), SimpleNamespace(training=Training((x, x), 1)))
    assert losses == [None, None]
    assert (rows, findings, fault) == ((), (), "")
    assert [str(one) for one in unseen] == ["part/hidden (Dense): the model has no `call`"]
