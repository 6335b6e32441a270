"""Every kind of picture: drawn at every size, with every name, and without a trace in matplotlib."""

import builtins
import sys
import warnings
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from helpers.pictures import INF, NAN, example
from matplotlib import pyplot

from keras_inits import recording
from keras_inits.recording import GradientTrace
from keras_inits.recording.plots import KINDS, heatmap, lines, profile

pytestmark = pytest.mark.any_backend

PICTURES = [*((kind, "gradient") for kind in KINDS), ("lines", "update"), ("heatmap", "zeros"), ("profile", "own")]


def tables(norms):
    """Of each kind: on the same scale, on a linear one, and of the user's own with negative values."""
    return {"update": norms, "zeros": norms, "own": -norms}


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "quantity"), PICTURES)
@pytest.mark.parametrize("steps", [0, 1, 900])
@pytest.mark.parametrize("layers", [0, 5, 300])
def test_pictures_of_every_size(tmp_path, kind, quantity, steps, layers):
    path = tmp_path / "plot.png"
    norms = np.full((steps, layers), 0.5)
    trace = GradientTrace(range(steps), [f"block_{i}/dense" for i in range(layers)], norms, tables(norms))
    trace.plot(path, kind=kind, quantity=quantity)
    assert path.stat().st_size > 4_000


EXTREMES = {
    "NaN": [[NAN, NAN], [NAN, NAN]],
    "infinite": [[INF, INF], [INF, INF]],
    "zero": [[0.0, 0.0], [0.0, 0.0]],
    "missing": np.ma.masked_all((2, 2)),
    "the range of float64": [[5e-324, 1e-300], [1e300, 1.7e308]],
}


@pytest.mark.parametrize(("kind", "quantity"), PICTURES)
@pytest.mark.parametrize("name", EXTREMES)
def test_pictures_of_extremes(tmp_path, kind, quantity, name):
    norms = np.ma.asarray(EXTREMES[name])
    GradientTrace([0, 1], ("a", "b"), norms, tables(norms)).plot(tmp_path / "plot.svg", kind=kind, quantity=quantity)
    assert (tmp_path / "plot.svg").stat().st_size > 4_000


def test_a_picture_is_returned_and_needs_no_file(tmp_path):
    figure = example().plot(kind="profile")
    assert figure.axes[0].lines
    assert example().plot(tmp_path / "t.svg").axes[0].lines
    assert (tmp_path / "t.svg").exists()


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "quantity"), PICTURES)
@pytest.mark.parametrize("name", ["a\rb", "a\nb", "größe", " ", "_a_b^c", "$x$", "$\\foo$", "gamma$\\frac$", "a" * 200])
def test_names_of_every_kind(tmp_path, kind, quantity, name):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of control characters
        GradientTrace([0], (name, "other"), [[1.0, 2.0]], tables(np.ones((1, 2)))).plot(
            tmp_path / "t.png", kind=kind, quantity=quantity
        )


@pytest.mark.parametrize("draw", [heatmap.draw, lines.draw, profile.draw])
@pytest.mark.parametrize("layers", [5, 300])
def test_names_are_whole_and_do_not_overlap(draw, layers):
    names = [f"$encoder_{i}$/" + "a_long_name/" * 8 + str(i) for i in range(layers)]
    figure = draw(GradientTrace([0, 1], names, np.ones((2, layers))))
    figure.draw_without_rendering()
    axis = figure.axes[1 if draw is lines.draw else 0].yaxis
    shown = axis.get_ticklabels()
    assert {names[0], names[-1]} <= {label.get_text() for label in shown} <= set(names)
    assert len(shown) >= min(layers, 60)
    boxes = sorted((label.get_window_extent() for label in shown), key=lambda box: box.y0)
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= figure.bbox.x1
    assert all(below.y1 <= above.y0 for below, above in pairwise(boxes))
    assert figure.axes[0].bbox.width > 5 * figure.dpi  # names do not take the picture's room


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "quantity"), PICTURES)
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_pictures_of_many_steps_and_layers_stay_small(tmp_path, kind, quantity, suffix):
    norms = np.random.default_rng(0).lognormal(size=(5_000, 300))
    trace = GradientTrace(range(5_000), [f"layer_{i}" for i in range(300)], norms, tables(norms))
    trace.plot(tmp_path / f"plot.{suffix}", kind=kind, quantity=quantity)
    assert (tmp_path / f"plot.{suffix}").stat().st_size < 4_000_000


def test_a_wrong_kind_is_named():
    with pytest.raises(ValueError, match=r"Received: kind='bars'\. Pass kind='heatmap'"):
        example().plot("x.png", kind="bars")


@pytest.mark.parametrize(("package", "method"), [("pandas", "to_dataframe"), ("matplotlib", "plot")])
def test_a_missing_package_is_named_with_its_install_line(monkeypatch, package, method):
    real = builtins.__import__

    def missing(name, *arguments, **keywords):
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(recording, "plots", recording.plots)  # which the import below replaces
    for name in [name for name in sys.modules if name.startswith("keras_inits.recording.plots")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=rf'found no {package}.*pip install "keras_inits\[report\]"'):
        getattr(example(), method)(*(["x.png"] if method == "plot" else []))


def test_matplotlib_stays_as_it_was(tmp_path):
    settings, figures = dict.copy(matplotlib.rcParams), pyplot.get_fignums()
    for kind, quantity in PICTURES:
        example().plot(tmp_path / "plot.png", kind=kind, quantity=quantity)
    assert dict.__eq__(matplotlib.rcParams, settings)
    assert pyplot.get_fignums() == figures
