"""Makes `normal_quantiles.npz` from SciPy's normal quantile: the twin of the table that is shipped.

Run as a program, with the path of the file to write, it writes the table.
"""

import itertools
import sys

import numpy as np
from scipy.special import ndtri

from keras_inits.initializers.quantiles import FLOAT32, FLOAT64, Precision


def make_table(precision: Precision, degree: int) -> np.ndarray:
    """Fits a polynomial to the quantile on each segment, at Chebyshev nodes, in units of the mantissa's last bit."""
    shift = precision.mantissa - precision.segment_bits
    ends = np.array([0.5, 2.0 ** (precision.bits - 1)], precision.floating).view(precision.signed) >> shift
    numbers = np.arange(ends[0], ends[1] + 2, dtype=precision.signed)
    edges = (numbers << shift).view(precision.floating).astype(np.float64)
    nodes = np.cos((np.arange(2 * degree + 8) + 0.5) * np.pi / (2 * degree + 8)) / 2 + 0.5
    rows = []
    for low, high in itertools.pairwise(edges):
        probabilities = np.minimum((low + (high - low) * nodes) * 2.0**-precision.bits, 0.5)
        rows.append(np.polynomial.polynomial.polyfit(nodes, -ndtri(probabilities), degree))
    units = 2.0 ** (-shift * np.arange(degree + 1))
    return np.ascontiguousarray((np.array(rows) * units).T.astype(precision.floating))


DEGREES = {FLOAT32: 1, FLOAT64: 5}

if __name__ == "__main__":
    tables = {f"float{precision.bits}": make_table(precision, degree) for precision, degree in DEGREES.items()}
    np.savez_compressed(sys.argv[1], **tables)
