"""Tolerances computed from sample sizes."""


def mean_tolerance(stddev: float, size: int, sigmas: float = 5) -> float:
    """How far the mean of `size` independent values may lie from that of their law."""
    return sigmas * stddev / size**0.5


def variance_tolerance(variance: float, kurtosis: float, size: int, sigmas: float = 5) -> float:
    """How far the variance of `size` independent values may lie from that of their law (kurtosis: 3 for a normal)."""
    return sigmas * variance * ((kurtosis - 1) / size) ** 0.5
