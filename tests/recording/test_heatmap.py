"""The heatmap: its colours, and how many steps become few columns."""

import numpy as np
import pytest
from helpers.pictures import INF, NAN, example, legend_of, odd
from matplotlib.colors import to_rgb

from keras_inits.figures import downsample
from keras_inits.recording import GradientTrace
from keras_inits.recording.plots import heatmap, lines

pytestmark = pytest.mark.any_backend


def test_a_heatmap_has_a_colour_for_each_kind_of_norm():
    figure = heatmap.draw(odd())
    norms, others = (mesh.get_array() for mesh in figure.axes[0].collections[:2])
    assert norms.shape == (5, 20)
    assert np.argwhere(norms.mask).tolist() == [[0, 3], [1, 4], [2, 5], [3, 6]]
    assert np.argwhere(~others.mask).tolist() == [[0, 3], [1, 4], [2, 5]]
    np.testing.assert_array_equal(norms[4], odd().norms[:, 4])
    colours = figure.axes[0].collections[1].to_rgba(others.compressed())
    assert [tuple(colour[:3]) for colour in colours] == [
        to_rgb(heatmap.ODD_COLOURS[k]) for k in ("zero", "NaN", "infinite")
    ]
    assert legend_of(figure) == [
        "zero (1 in 1 layer, first at step 3)",
        "NaN (1 in 1 layer, first at step 4)",
        "infinite (1 in 1 layer, first at step 5)",
        "no gradient",
    ]
    top, bottom = figure.axes[0].get_ylim()[::-1]
    assert top < bottom  # the first layer on top


def test_a_heatmap_without_anything_odd_needs_no_legend():
    assert not heatmap.draw(example()).legends


# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colours, seen):
    """CIELAB of sRGB colours as they are seen."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.transpose(seen), 0.0, 1.0)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / to_xyz.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@pytest.mark.parametrize("cones", SEEN)
def test_colours_are_told_apart_with_every_kind_of_colour_blindness(cones):
    """Ten just noticeable differences (2.3 in CIELAB) between what is odd, and from each colour of the scale."""
    scale = lab(heatmap.COLOURS(np.linspace(0, 1, 256))[:, :3], SEEN[cones])
    others = lab(np.array([to_rgb(colour) for colour in heatmap.ODD_COLOURS.values()]), SEEN[cones])
    distances = np.linalg.norm(others[:, None] - np.concatenate([scale, others]), axis=2)
    distances[np.arange(len(others)), len(scale) + np.arange(len(others))] = INF  # from itself
    assert distances.min() > 10 * 2.3
    assert np.all(np.diff(scale[:, 0]) >= 0)  # it rises in grey, too


def slow_median(norms):
    if np.isnan(norms).any():
        return NAN
    return INF if np.isinf(norms).any() else sorted(norms)[(len(norms) - 1) // 2]


def test_columns_are_the_medians_of_their_steps():
    rng = np.random.default_rng(0)
    steps = np.sort(rng.integers(0, 3000, 2500))  # gaps, and several rows of one step
    norms = np.ma.MaskedArray(rng.lognormal(size=(2500, 4)), mask=rng.random((2500, 4)) < 0.5)
    norms[rng.random((2500, 4)) < 0.02] = NAN
    norms[rng.random((2500, 4)) < 0.02] = INF
    norms[rng.random((2500, 4)) < 0.3] = 0.0
    norms[:200, 3] = np.ma.masked
    columns = downsample.columns(steps, norms)
    assert len(columns.median) <= downsample.MAX_COLUMNS
    assert np.all(np.diff(columns.edges) > 0)
    column_of = np.searchsorted(columns.edges, steps) - 1
    assert len(set(column_of)) == len(columns.median)
    for column, layer in np.ndindex(columns.median.shape):
        block = norms[column_of == column, layer].compressed()
        assert len(set(steps[column_of == column])) <= columns.pooled
        if not len(block):
            assert columns.median.mask[column, layer]
            continue
        np.testing.assert_array_equal(columns.median[column, layer], slow_median(block))
        positive = block[np.isfinite(block) & (block > 0)]
        ends = (positive.min(), positive.max()) if len(positive) else (NAN, NAN)
        np.testing.assert_array_equal((columns.least[column, layer], columns.largest[column, layer]), ends)


def test_of_many_steps_one_nan_is_seen_and_the_title_says_what_a_column_is():
    norms = np.ones((50_000, 3))
    norms[31_234, 1] = NAN
    trace = GradientTrace(range(50_000), ("a", "b", "c"), norms)
    figure = heatmap.draw(trace)
    assert "the median of 125 steps" in figure.axes[0].get_title()
    norms, others = (mesh.get_array() for mesh in figure.axes[0].collections[:2])
    assert norms.shape == (3, 400)
    assert np.argwhere(~others.mask).tolist() == [[1, 31_234 // 125]]
    figure = lines.draw(trace)
    assert "the median of each 125 steps" in figure.axes[0].get_title()
    assert legend_of(figure) == ["NaN (1 in 1 layer, first at step 31,234)"]
