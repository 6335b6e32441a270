"""The pictures of a trace, one file a kind.

trace -> heatmap  layers x steps, the norm as colour
-> lines    a line for each layer over the steps, its depth as colour
-> profile  the norm over depth, a line for each of a few steps
canvas   what they share: a figure that holds the names, marks of outcomes
quantity_scales  the label and the scale of a quantity
"""

from typing import TYPE_CHECKING, Literal, get_args

from keras_inits.arguments import check_choice
from keras_inits.extras import REPORT, missing
from keras_inits.recording.quantities import TRACKED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_inits.recording.trace import GradientTrace

Kind = Literal["heatmap", "lines", "profile"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def draw(trace: "GradientTrace", kind: Kind, quantity: str) -> "Figure":
    """Draws a picture of a kind.

    Args:
        trace: What to draw.
        kind: One of `KINDS`.
        quantity: One that was recorded.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the kind is not one of these, or the trace has no such quantity.
    """
    check_choice("kind", kind, KINDS, "Pass kind='heatmap' for many layers, or kind='lines' for few.")
    if quantity not in trace.tables:
        record = repr(quantity) if quantity in TRACKED else f"Quantity({quantity!r}, function)"
        raise ValueError(
            f"GradientTrace.plot received quantity={quantity!r}. It expects one that the trace has: "
            f"{', '.join(map(repr, trace.tables))}. Record it with GradientNormLogger(track={record})."
        )
    try:
        from keras_inits.recording.plots import heatmap, lines, profile
    except ImportError as error:
        raise missing("GradientTrace.plot()", "matplotlib", REPORT) from error
    return {"heatmap": heatmap.draw, "lines": lines.draw, "profile": profile.draw}[kind](trace, quantity)
