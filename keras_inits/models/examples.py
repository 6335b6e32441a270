"""The examples of a batch that a message names."""

from collections.abc import Sequence

MAX_EXAMPLES = 8


def in_examples(examples: Sequence[int]) -> str:
    """Where something is: the first of these examples, and dots for more.

    Example:
        >>> in_examples([3]), in_examples(range(20)), in_examples([])
        (', in example 3', ', in examples 0, 1, 2, 3, 4, 5, 6, 7, ...', '')
    """
    if not len(examples):
        return ""
    shown = [*map(str, examples[:MAX_EXAMPLES]), *["..."] * (len(examples) > MAX_EXAMPLES)]
    return f", in example{'s' if len(examples) > 1 else ''} {', '.join(shown)}"
