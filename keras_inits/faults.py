"""Whose fault an error is: those of this package say so, and blame nobody's model or data."""

import contextlib
from collections.abc import Iterator


class InternalError(RuntimeError):
    """An error of keras_inits itself; its cause is the exception that was not expected."""

    def __init__(self, step: str, error: BaseException) -> None:
        super().__init__(
            f"keras_inits failed {step}, with {type(error).__name__}: {error}. This is a fault of keras_inits, not of "
            "your model or data, and the model is what it was. Expected no exception there. Please report it with this "
            "traceback; training, saving and prediction do not depend on this step."
        )
        self.__cause__ = error


class OptionError(ValueError):
    """An option of the command has a value that does not serve; the message is one line that names it."""


class ModelError(ValueError):
    """An error of the user's model or data, which says what of them fails; `ours` lets it pass."""


@contextlib.contextmanager
def ours(step: str) -> Iterator[None]:
    """Makes an `InternalError` of any exception in the block, whose code of the user's, if any, ends in `ModelError`s.

    Args:
        step: What the block does, as it stands in the message: "while it reduced the outputs of 'dense'".

    Raises:
        InternalError: If the block raises an exception.
    """
    try:
        yield
    except (InternalError, ModelError):
        raise
    except Exception as error:  # whatever it is, it is ours
        raise InternalError(step, error) from error
