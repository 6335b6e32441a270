"""The rows that were fetched so far, of one fit or of many."""

from dataclasses import dataclass

import numpy as np

from keras_inits.recording.trace import GradientTrace, global_norms


@dataclass(frozen=True)
class Block:
    """Rows that were fetched together, and so have the same columns."""

    steps: np.ndarray
    names: tuple[str, ...]
    norms: np.ma.MaskedArray


class Rows:
    """Blocks in the order of their steps; what they have to say is put together when it is asked for."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    @property
    def next_step(self) -> int:
        """The first step that is not among them."""
        return int(self.blocks[-1].steps[-1]) + 1 if self.blocks else 0

    def trace(self, first_block: int = 0) -> GradientTrace:
        """A table of the blocks from this one on. A name that a block does not have is masked in its rows."""
        blocks = self.blocks[first_block:]
        names = tuple(dict.fromkeys(name for block in blocks or self.blocks[-1:] for name in block.names))
        place = {name: column for column, name in enumerate(names)}
        norms = np.ma.MaskedArray(np.zeros((sum(len(block.steps) for block in blocks), len(names))), mask=True)
        row = 0
        for block in blocks:
            norms[row : row + len(block.steps), [place[name] for name in block.names]] = block.norms
            row += len(block.steps)
        steps = np.concatenate([block.steps for block in blocks]) if blocks else np.empty(0, np.int64)
        return GradientTrace(steps, names, norms)

    def mean_global_norm(self, first_block: int) -> float:
        """The mean over the rows from this block on of the norm of all columns together; NaN where there is nothing."""
        return _mean(np.array([norm for block in self.blocks[first_block:] for norm in global_norms(block.norms)]))

    def mean_norms(self, first_block: int) -> dict[str, float]:
        """The mean of each name's norms over the rows from this block on; NaN where there is nothing."""
        trace = self.trace(first_block)
        return {name: _mean(norms.compressed()) for name, norms in zip(trace.layers, trace.norms.T, strict=True)}


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
