"""The tables for pandas."""

import numpy as np
import pandas
import pytest

from keras_inits.recording import GradientTrace

pytestmark = pytest.mark.any_backend

NAN, INF = float("nan"), float("inf")


def example():
    """Three steps of two layers, one with everything that a table has to keep apart."""
    norms = np.ma.MaskedArray([[1.0, 2.0], [NAN, 0.0], [INF, 4.0]], mask=[[0, 1], [0, 0], [0, 0]])
    update = np.ma.MaskedArray([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], mask=[[0, 0], [1, 1], [0, 0]])
    clipped = np.ma.MaskedArray([True, False, False], mask=[0, 0, 1])
    outcomes = ["update", "accumulate", "skip"]
    return GradientTrace([0, 5, 10], ("layer_2", "layer_10"), norms, {"update": update}, outcomes, clipped)


def test_a_wide_table_tells_no_gradient_from_nan():
    frame = example().to_dataframe()
    assert frame.index.name == "step"
    assert list(frame.index) == [0, 5, 10]
    assert list(frame.columns) == ["layer_2", "layer_10"]
    assert frame["layer_2"].array[1] is not pandas.NA
    assert np.isnan(frame["layer_2"].array[1])
    assert frame["layer_2"].array[2] == INF
    assert frame.iloc[0, 1] is pandas.NA


def test_a_wide_table_holds_the_quantity_asked_for():
    frame = example().to_dataframe(quantity="update")
    assert frame["layer_10"].array[0] == 0.2
    assert frame["layer_10"].array[1] is pandas.NA


def test_a_long_table_has_a_row_for_each_step_and_layer():
    frame, trace = example().to_dataframe("long"), example()
    assert list(frame.columns) == ["step", "layer", "outcome", "clipped", "gradient", "update"]
    assert len(frame) == 6
    for number, (row, column) in enumerate(np.ndindex(3, 2)):
        line = frame.iloc[number]
        assert (line.step, line.layer, line.outcome) == (trace.steps[row], trace.layers[column], trace.outcomes[row])
        for name, table in (("gradient", trace.norms), ("update", trace.tracked["update"])):
            if table.mask[row, column]:
                assert line[name] is pandas.NA
            else:
                np.testing.assert_array_equal(line[name], table[row, column])  # NaN equals NaN
    assert list(frame["clipped"][:4]) == [True, True, False, False]
    assert frame["clipped"].isna().tolist() == [False] * 4 + [True] * 2


def test_a_long_table_keeps_the_order_of_depth_when_it_is_pivoted():
    frame = example().to_dataframe("long")
    assert list(frame.pivot(index="step", columns="layer", values="gradient").columns) == ["layer_2", "layer_10"]


@pytest.mark.parametrize("form", ["wide", "long"])
@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (2, 0)])
def test_tables_of_nothing(form, shape):
    frame = GradientTrace(range(shape[0]), [f"layer_{i}" for i in range(shape[1])], np.zeros(shape)).to_dataframe(form)
    assert len(frame) == (shape[0] if form == "wide" else 0)
    assert len(frame.columns) == (shape[1] if form == "wide" else 5)


def test_a_table_cannot_change_the_trace():
    trace = example()
    for frame in (trace.to_dataframe(), trace.to_dataframe("long")):
        frame.iloc[0, -1] = 7.0
    assert trace.norms.data[0, 1] != 7.0
    assert trace.tracked["update"][0, 0] == 0.1


def test_a_wrong_form_is_named():
    with pytest.raises(ValueError, match=r"Received: form='tall'\. Pass form='wide' for"):
        example().to_dataframe("tall")


def test_a_quantity_that_was_not_recorded_is_named():
    remedy = r"Pass one of these, or record it with GradientNormLogger\(track=\('gradient', 'weight'\)\)\.$"
    with pytest.raises(ValueError, match=rf"^GradientTrace.to_dataframe received quantity='weight'\. It .* {remedy}"):
        example().to_dataframe(quantity="weight")
    with pytest.raises(ValueError, match=r"received quantity='wieght'\. It .* of 'gradient', 'update'\. Pass one of t"):
        example().to_dataframe(quantity="wieght")
    with pytest.raises(ValueError, match=r"quantity='accumulated'.* Pass one of these\.$"):
        example().to_dataframe("long", "accumulated")
