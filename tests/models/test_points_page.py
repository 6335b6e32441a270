"""The table of docs/explanation/activations.md says what the rule computes."""

import math
import re
from pathlib import Path

import pytest

from keras_inits import gain, stability
from keras_inits.initializers.gains import GAINS
from keras_inits.models.signal.maps import map_of
from keras_inits.models.signal.points import Point, operating_point

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "activations.md"
DEPTHS = (5, 20, 100)


def row(function):
    """Name, gain, stability, factor of gradients; at each depth the point, the gain there, and the change."""
    cells = [f"`{function.__name__}`", f"{gain(function):.4f}", f"{stability(function):.3f}"]
    cells.append(f"{Point(1.0, map_of(function)).gradient:.3f}")
    for depth in DEPTHS:
        point = operating_point(function, depth)
        there = math.sqrt(point.variance / point.map.square)
        cells.append(f"{point.variance:.3g}, {there:.3f}, {math.exp(point.change(depth)):.2g}")
    return cells


@pytest.mark.thorough
def test_the_table_of_the_docs():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [re.split(r" *\| *", line.strip("| ")) for line in lines] == [row(one) for one in sorted(GAINS, key=order)]


def order(function):
    return round(stability(function), 4), function.__name__
