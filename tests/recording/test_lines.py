"""Lines over the steps, profiles over depth, and the ratio of update to weight."""

import numpy as np
import pytest
from helpers.pictures import INF, NAN, example, legend_of, lines_of, marks_of, odd, two_optimizers

from keras_inits.recording import GradientTrace
from keras_inits.recording.plots import heatmap, lines, profile

pytestmark = pytest.mark.any_backend


def test_rows_of_two_optimizers_do_not_break_lines_nor_leave_gaps():
    trace = two_optimizers(10)
    for index, points in enumerate(lines_of(lines.draw(trace))):
        np.testing.assert_array_equal(points[:, 0], range(10))
        np.testing.assert_array_equal(points[:, 1], trace.norms[:, index].compressed())
    figure = heatmap.draw(trace)
    np.testing.assert_array_equal(figure.axes[0].collections[0].get_array()[0], trace.norms[:, 0].compressed())
    assert not figure.legends
    first = lines_of(profile.draw(trace))[0]
    np.testing.assert_array_equal(first[:, 0], [3.0, 2.0])


def test_lines_break_where_a_norm_is_not_on_the_scale_and_mark_it():
    figure = lines.draw(odd())
    breaks = [points[np.isnan(points[:, 1]), 0].tolist() for points in lines_of(figure)]
    assert breaks == [[3.0], [4.0], [5.0], [], []]
    assert 6.0 not in lines_of(figure)[3][:, 0]
    assert [text.split()[0] for text in legend_of(figure)] == ["zero", "NaN", "infinite"]
    assert marks_of(figure) == [[(3.0, 0.0)], [(4.0, 1.0)], [(5.0, 1.0)]]
    figure.draw_without_rendering()
    low, high = figure.axes[0].bbox.intervaly
    for marks in figure.axes[0].collections:
        assert all(low < place[1] < high for place in marks.get_offset_transform().transform(marks.get_offsets()))


def test_a_lonely_point_of_a_long_line_gets_a_dot():
    norms = np.full((100, 1), NAN)
    norms[50] = 1.0
    (line,) = lines.draw(GradientTrace(range(100), ("a",), norms)).axes[0].lines
    assert line.get_markevery() == [50]


@pytest.mark.parametrize("draw", [heatmap.draw, lines.draw])
def test_steps_without_an_update_are_marked(draw):
    outcomes = np.array((["accumulate"] * 3 + ["update"]) * 5)
    outcomes[3] = "skip"
    figure = draw(example(outcomes=outcomes))
    assert legend_of(figure) == ["micro-step, no update (15 of 20)", "skipped step (1 of 20)"]
    marks = [[step for step, height in places if height == 1.0] for places in marks_of(figure)]
    assert marks[-2:] == [[step for step in range(20) if step % 4 != 3], [3]]


def test_a_profile_shows_the_first_the_last_and_some_steps_between():
    outcomes = ["update"] * 20
    outcomes[0] = "skip"
    figure = profile.draw(example(outcomes=outcomes))
    assert legend_of(figure) == ["step 0, skipped", "step 5", "step 10", "step 14", "step 19"]
    for points, step in zip(lines_of(figure), (0, 5, 10, 14, 19), strict=True):
        np.testing.assert_array_equal(points, np.stack([example().norms[step], range(5)], axis=1))


def test_a_profile_keeps_zero_and_what_is_not_finite_at_its_edges():
    figure = profile.draw(GradientTrace([0], "abcde", np.ma.masked_equal([[0.0, NAN, INF, 9.0, 1.0]], 9.0)))
    assert legend_of(figure) == ["step 0", "zero", "NaN", "infinite"]
    assert marks_of(figure) == [[(0.0, 0.0)], [(1.0, 1.0)], [(1.0, 2.0)]]
    assert np.isnan(lines_of(figure)[0][3, 0])


@pytest.mark.parametrize("ratio", [1e-9, 1e-3, 10.0])
def test_updates_are_drawn_beside_what_trains_well(ratio):
    trace = GradientTrace([0, 1], ("a",), np.ones((2, 1)), {"update": np.full((2, 1), ratio)})
    figure = lines.draw(trace, "update")
    *layers, healthy = lines_of(figure)
    np.testing.assert_array_equal(layers, [[[0.0, ratio], [1.0, ratio]]])
    np.testing.assert_array_equal(healthy[:, 1], [1e-3, 1e-3])
    low, high = figure.axes[0].get_ylim()
    assert low < min(ratio, 1e-3) <= max(ratio, 1e-3) < high
    assert legend_of(figure) == ["0.001: a rule of thumb for healthy updates"]


def test_updates_that_were_not_tracked_are_asked_for():
    trace = GradientTrace([0], ("a",), np.ones((1, 1)), {"weight": np.ones((1, 1))})
    expected = (
        r"GradientTrace\.plot received quantity='update'\. It expects one that the trace has: 'gradient', 'weight'\. "
        r"Record it with GradientNormLogger\(track='update'\)\.$"
    )
    with pytest.raises(ValueError, match=expected):
        trace.plot("x.png", quantity="update")


def test_a_quantity_that_may_be_negative_has_a_linear_scale(tmp_path):
    """A user's own, with zero and negative values; NaN is marked, and no value is left out."""
    table = np.ma.MaskedArray([[-0.5, 0.0], [0.25, NAN], [1.0, -1.0]])
    trace = GradientTrace(range(3), ("a", "b"), np.ones((3, 2)), {"cosine": table})
    figure = lines.draw(trace, "cosine")
    np.testing.assert_array_equal(lines_of(figure)[0], [[0, -0.5], [1, 0.25], [2, 1.0]])
    np.testing.assert_array_equal(lines_of(figure)[1], [[0, 0.0], [1, NAN], [2, -1.0]])
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    assert low < -1.0 < 1.0 < high
    assert (axes.get_yscale(), axes.get_ylabel()) == ("linear", "cosine")
    assert legend_of(figure) == ["NaN (1 in 1 layer, first at step 1)"]
    mesh = heatmap.draw(trace, "cosine").axes[0].collections[0]
    np.testing.assert_array_equal(mesh.get_array().filled(9.0), [[-0.5, 0.25, 1.0], [0.0, 9.0, -1.0]])
    points = lines_of(profile.draw(trace, "cosine"))
    np.testing.assert_array_equal([place[:, 0] for place in points], table.data)
    trace.plot(tmp_path / "cosine.png", quantity="cosine")


@pytest.mark.parametrize(
    ("quantity", "scale"), [("positive", "log"), ("zeros", "linear"), ("nonfinite", "linear"), ("weight", "log")]
)
def test_what_is_never_negative_has_the_scale_of_its_kind(quantity, scale):
    trace = GradientTrace([0, 1], ("a",), np.ones((2, 1)), {quantity: np.array([[0.0], [0.5]])})
    assert lines.draw(trace, quantity).axes[0].get_yscale() == scale
    assert profile.draw(trace, quantity).axes[0].get_xscale() == scale
