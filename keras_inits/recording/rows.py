"""What was recorded so far, of one fit or of many, and the means of the running epoch."""

import numpy as np

from keras_inits.recording.quantities import QUANTITIES
from keras_inits.recording.trace import GradientTrace, global_norms

MOST_NUMBERS = 2**23
"""How many numbers are kept in memory, at 9 bytes each 75 MB; beyond, every second step is let go."""


class Rows:
    """Blocks in the order of their steps; what they have to say is put together when it is asked for."""

    def __init__(self) -> None:
        self.blocks: list[GradientTrace] = []
        self.begin_epoch()

    def append(self, block: GradientTrace) -> None:
        """Adds the rows of the latest steps."""
        self.blocks.append(block)
        with np.errstate(invalid="ignore"):  # an infinity less another is no number, and is to be seen
            totals, sums = np.sum(global_norms(block.norms)), block.norms.filled(0.0).sum(axis=0)
        self._global.add(float(totals), len(block))
        counts = len(block) - np.ma.getmaskarray(block.norms).sum(axis=0)
        for name, total, count in zip(block.layers, sums.tolist(), counts.tolist(), strict=True):
            self._by_layer.setdefault(name, _Mean()).add(total, count)
        if sum(block.norms.size * (1 + len(block.tracked)) for block in self.blocks) > MOST_NUMBERS:
            self.blocks = [thinned(joined(self.blocks))]

    def begin_epoch(self) -> None:
        """Begins the means anew."""
        self._global = _Mean()
        self._by_layer: dict[str, _Mean] = {}

    def mean_global_norm(self) -> float:
        """The mean over the epoch's rows of the norm of all layers together; NaN where there is nothing."""
        return self._global.value()

    def mean_norms(self) -> dict[str, float]:
        """The mean over the epoch's rows of each layer's norm; NaN where there is nothing."""
        layers = self.blocks[-1].layers if self.blocks else ()
        return {name: self._by_layer.get(name, _Mean()).value() for name in dict.fromkeys([*self._by_layer, *layers])}

    def trace(self) -> GradientTrace:
        """All that is kept."""
        return joined(self.blocks)


class _Mean:
    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, total: float, count: int) -> None:
        self._sum += total
        self._count += count

    def value(self) -> float:
        return self._sum / self._count if self._count else float("nan")


def joined(blocks: list[GradientTrace]) -> GradientTrace:
    """One table of them all. A layer or a quantity that a block does not have is masked in its rows."""
    if len(blocks) == 1:
        return blocks[0]
    if not blocks:
        return GradientTrace(np.zeros(0, np.int64), (), np.ma.MaskedArray(np.zeros((0, 0))))
    layers = tuple(dict.fromkeys(name for block in blocks for name in block.layers))
    place = {name: column for column, name in enumerate(layers)}
    steps = np.concatenate([block.steps for block in blocks])
    names = [name for name in QUANTITIES if any(name in block.tracked for block in blocks)]
    shape = (len(steps), len(layers))
    tables = {name: np.ma.MaskedArray(np.zeros(shape), mask=True) for name in ("gradient", *names)}
    row = 0
    for block in blocks:
        columns = [place[name] for name in block.layers]
        for name, table in {"gradient": block.norms, **block.tracked}.items():
            tables[name][row : row + len(block), columns] = table
        row += len(block)
    norms = tables.pop("gradient")
    outcomes = np.concatenate([block.outcomes for block in blocks])
    clipped = np.ma.concatenate([block.clipped for block in blocks])  # type: ignore[no-untyped-call]
    return GradientTrace(steps, layers, norms, tables, outcomes, clipped)


def thinned(trace: GradientTrace) -> GradientTrace:
    """Every second step."""
    kept = np.isin(trace.steps, np.unique(trace.steps)[::2])
    tracked = {name: table[kept] for name, table in trace.tracked.items()}
    return GradientTrace(
        trace.steps[kept], trace.layers, trace.norms[kept], tracked, trace.outcomes[kept], trace.clipped[kept]
    )
