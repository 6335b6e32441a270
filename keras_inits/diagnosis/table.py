"""A diagnosis as text, and as the columns of a table."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from keras_inits import text
from keras_inits._names import no_formula
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.numbers import LayerNumbers, shortened
from keras_inits.diagnosis.unseen import Unseen
from keras_inits.text import columns, wrapped

if TYPE_CHECKING:
    from keras_inits.diagnosis.diagnosis import Diagnosis

MAX_ROWS = 40
MAX_UNSEEN = 12
NAME_WIDTH = 22
HEADERS = ("std", "ratio", "flat", "dead", "equal", "|dW|", "|da|", "W/auto")
SHARES = ("flat", "dead", "equal")
LEGEND = (
    "std: of the outputs; ratio: to that of the layer before; flat: share of inputs where the activation's derivative "
    "is below 1% of its largest; dead, equal: shares of units; |dW|, |da|: norms of the gradients of weights and "
    "outputs; W/auto: standard deviation of the kernel, over what `initialize` gives it"
)


def text_of(diagnosis: "Diagnosis") -> str:
    """The table, what its columns are, each finding with its remedy, and the layers that were not looked at."""
    width = columns()
    lines = [text.text_of(_table(diagnosis.layers, width), width), "", *wrapped(LEGEND)]
    lines += wrapped(f"gradients of: {diagnosis.loss}")
    for finding in diagnosis.findings:
        lines += ["", *_text_of_finding(finding)]
    if not diagnosis.findings:
        lines += ["", verdict(diagnosis.findings, diagnosis.unseen)]
    for note in diagnosis.notes:
        lines += ["", *_text_of_finding(note, "note, ")]
    if diagnosis.unseen:
        lines += ["", "not looked at:"]
        for one in diagnosis.unseen[:MAX_UNSEEN]:
            lines += wrapped(str(one), "  ", "    ")
        more = len(diagnosis.unseen) - MAX_UNSEEN
        lines += [f"  ... {more} more, in diagnosis.unseen"] if more > 0 else []
    return "\n".join(lines)


def _text_of_finding(finding: Finding, prefix: str = "") -> list[str]:
    lines = wrapped(f"{prefix}{finding.title}: {finding.evidence}", "", "  ")
    remedy = finding.remedy
    if not remedy.code:
        return lines + wrapped(remedy.reason, "  remedy: ", "    ")
    lines.append("  remedy:")
    lines += [f"    {line}" for line in remedy.code.split("\n")]
    return lines + wrapped(remedy.why, "    # ", "    # ")


def verdict(findings: Sequence[Finding], unseen: Sequence[Unseen]) -> str:
    """The kinds of the findings; that there are none is said only of what was looked at."""
    if findings:
        return ", ".join(finding.kind for finding in findings)
    return "no findings in what was looked at" if unseen else "no findings"


def headline(rows: Sequence[LayerNumbers], findings: Sequence[Finding], unseen: Sequence[Unseen]) -> str:
    """How many calls were seen, the verdict, and how many layers were not looked at."""
    calls = f"{len(rows)} call{'' if len(rows) == 1 else 's'} of layers"
    rest = f", {len(unseen)} layer{'' if len(unseen) == 1 else 's'} not looked at" if unseen else ""
    return f"{calls}: {verdict(findings, unseen)}{rest}"


def flat(row: LayerNumbers) -> dict[str, Any]:
    """The numbers of a layer, by the names of their columns."""
    plain = ("kind", "dtype", "activation", "ratio", "saturated", "dead", "units", "identical", "call")
    cells: dict[str, Any] = {"layer": no_formula(row.name), "shape": "x".join(map(str, row.shape))}
    cells |= {name: getattr(row, name) for name in plain}
    for name in ("inputs", "outputs"):
        moments = getattr(row, name)
        for field in ("mean", "stddev", "largest", "nonfinite"):
            cells[f"{name}_{field}"] = None if moments is None else getattr(moments, field)
    cells |= {"gradient": row.gradient, "output_gradient": row.output_gradient}
    kernel = row.kernels[0] if row.kernels else None
    cells["kernel_stddev"] = kernel.moments.stddev if kernel else None
    for name in ("auto", "lecun", "glorot", "he"):
        cells[f"kernel_{name}"] = None if kernel is None else {"auto": kernel.auto, **kernel.rules}[name]
    return cells


def _table(rows: Sequence[LayerNumbers], width: int) -> Table:
    """The table of the layers; what a wide terminal has to spare goes to their names."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    longest = NAME_WIDTH + max(width - 100, 0)
    table.add_column("layer", max_width=longest, overflow="fold")
    for header in ("shape", "activation"):
        table.add_column(header, max_width=10, overflow="fold")
    for header in HEADERS:
        table.add_column(header, justify="right", no_wrap=True)
    half = MAX_ROWS // 2
    for number, row in enumerate(rows):
        if len(rows) <= MAX_ROWS or number < half or number >= len(rows) - half:
            table.add_row(*_cells(row, longest))
        elif number == half:
            table.add_row(f"... {len(rows) - 2 * half} more ...")
    return table


def numbers_of(row: LayerNumbers) -> dict[str, float | None]:
    """The numbers of a row by their headers."""
    kernel = row.kernels[0] if row.kernels else None
    scale = kernel.moments.stddev / kernel.auto if kernel is not None and kernel.auto else None
    shares = row.saturated, row.dead, row.identical
    numbers = (row.outputs.stddev, row.ratio, *shares, row.gradient, row.output_gradient, scale)
    return dict(zip(HEADERS, numbers, strict=True))


def _cells(row: LayerNumbers, longest: int) -> list[str]:
    numbers = [_percent(one) if header in SHARES else _short(one) for header, one in numbers_of(row).items()]
    name = row.name if row.call == 1 else shortened(row.name, longest)  # which stands above in full
    return [name, "x".join(map(str, row.shape)), row.activation or "", *numbers]


def _short(number: float | None) -> str:
    """At most six characters."""
    if number is None:
        return ""
    if number == 0 or 0.001 <= abs(number) < 1000 or not math.isfinite(number):
        return f"{number:.2g}" if abs(number) < 100 else f"{number:.0f}"
    mantissa, exponent = f"{number:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
