"""The command `keras-inits`: reads and checks options, chooses the backend, hands over to `comparison` or `diagnosis`.

It stands beside the package, not in it: importing anything of the package imports Keras, which then reads the
environment variable KERAS_BACKEND, once; and `--backend` must set that before.
"""

import contextlib
import difflib
import importlib.util
import os
import re
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Self

if TYPE_CHECKING:
    import typer

BACKENDS = ("tensorflow", "jax", "torch")
ACTIVATIONS = ("tanh", "relu")
STARTS = ("zeros", "normal-10", "normal-0.01", "uniform-0.05", "lecun", "glorot", "he", "orthogonal")
OUTPUT = "keras-inits-report"
FILES = ("report.html", "gradient_norms.png")
REPORT_MODULES = ("PIL", "jinja2", "matplotlib", "pandas", "rich", "sklearn", "threadpoolctl", "typer")
BAD_FILE = 3
INTERRUPTED = 130
OUR_FAULT = 70  # sysexits' EX_SOFTWARE
LOG_LINE = re.compile(rb"[IWEF]\d{4} |WARNING: All log messages before absl::")


def main() -> None:
    """Runs the command with the arguments of the process.

    Raises:
        SystemExit: Always: status 0, 2 (a bad option), 70 (our fault), 130 (Ctrl-C), or 1 with the line that installs
            what is missing.
    """
    missing = [module for module in REPORT_MODULES if importlib.util.find_spec(module) is None]
    if missing:
        sys.exit(f'keras-inits needs {", ".join(missing)}, not installed here: pip install "keras_inits[report]"')
    application()()


def application() -> "typer.Typer":
    """Builds the command line; typer is imported here, so that `main` can say when it is missing."""
    import typer

    app = typer.Typer(
        name="keras-inits",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def keras_inits(
        version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_print_version)] = False,
    ) -> None:
        """Start every layer right, and see every layer's gradient."""

    @app.command()
    def compare(
        backend: Annotated[str | None, _option(_backend, "|".join(BACKENDS), "Keras's; else KERAS_BACKEND.")] = None,
        epochs: Annotated[int, _option(_whole(1), "NUMBER", "Epochs of each run.")] = 12,
        seed: Annotated[int, _option(_whole(0, 2**32 - 1), "NUMBER", "Of the weights and of the split.")] = 0,
        initializer: Annotated[
            list[str] | None, _option(_one_of(STARTS), "NAME", f"Repeatable; else all: {', '.join(STARTS)}.")
        ] = None,
        activation: Annotated[
            list[str] | None, _option(_one_of(ACTIVATIONS), "|".join(ACTIVATIONS), "Repeatable; else both.")
        ] = None,
        depth: Annotated[int, _option(_whole(1), "NUMBER", "Hidden layers.")] = 20,
        output: Annotated[Path, _option(_directory, "DIRECTORY", "Of report, plot and norms.")] = Path(OUTPUT),
    ) -> None:
        """Train one deep network on scanned digits from each starting point, and tell them apart."""
        _choose_backend(backend)
        _make_directory(output)
        starts = list(dict.fromkeys(initializer or STARTS))
        activations = list(dict.fromkeys(activation or ACTIVATIONS))
        raise typer.Exit(_compare(starts, activations, (epochs, seed, depth), output))

    @app.command()
    def diagnose(
        model: Annotated[Path, typer.Argument(parser=_file, metavar="MODEL", help="A file that model.save wrote.")],
        data: Annotated[Path | None, _option(_file, "FILE", "A .npz file with a batch x, and y if compiled.")] = None,
        shape: Annotated[
            Any, _option(_shape, "NUMBERS", "Of one example, such as 32,32,3: normal numbers instead of data.")
        ] = None,
        backend: Annotated[str | None, _option(_backend, "|".join(BACKENDS), "Keras's; else KERAS_BACKEND.")] = None,
    ) -> None:
        """Send one batch through a saved model, and say why it does not learn; status 1 if something is found."""
        if (data is None) == (shape is None):
            _refuse(f"--data {data} --shape {shape}", "one of --data and --shape", "Pass a file, or a shape to draw.")
        _choose_backend(backend)
        raise typer.Exit(_diagnose(model, data, shape))

    return app


class Interruption:
    """Ctrl-C that cannot get lost, while the `with` block runs.

    Python raises KeyboardInterrupt wherever it happens to be. In a callback of the garbage collector or a `__del__`, as
    the backends have, the exception is printed and dropped; while a module is imported it may come out as another.
    """

    def __init__(self) -> None:
        self.came = False
        self._held = False
        self._before: Any = None
        self._hook = sys.unraisablehook

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C came, wherever the first one went."""
        if self.came:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """From here on Ctrl-C is remembered, and interrupts nothing."""
        self._held = True

    def __enter__(self) -> Self:
        """Takes Ctrl-C over."""
        if threading.current_thread() is threading.main_thread():  # only there may handlers be set
            self._before = signal.signal(signal.SIGINT, self._remember)
            sys.unraisablehook = self._tell
        return self

    def __exit__(self, *_: object) -> None:
        """Gives Ctrl-C back to whoever had it."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            sys.unraisablehook = self._hook

    def _tell(self, dropped: Any) -> None:
        """Prints what Python drops, but Ctrl-C, which is remembered."""
        if dropped.exc_type is not KeyboardInterrupt:
            self._hook(dropped)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        if not self._held:
            raise KeyboardInterrupt


def _compare(starts: Sequence[str], activations: Sequence[str], numbers: tuple[int, int, int], output: Path) -> int:
    """Goes through the comparison, and returns the exit status; Ctrl-C keeps what is finished."""
    command = None
    with Interruption() as interruption:
        try:
            with _without_log_lines():
                from keras_inits.comparison.command import Command

            command = Command(starts, activations, *numbers, output, interruption.check)
            command.train_all()
        except ImportError as error:
            if not interruption.came:
                return _explain(error)
        except KeyboardInterrupt:
            interruption.came = True
        except Exception:
            if not interruption.came:
                raise
        interruption.hold()
        if command is not None and command.runs:
            command.show()
    if not interruption.came:
        return OUR_FAULT if command is not None and any(run.fault for run in command.runs) else 0
    if command is not None and command.runs:
        kept = f"the {len(command.runs)} finished of {command.planned} runs are kept"
        print(f"Interrupted: {kept}; the same command goes on from there.", file=sys.stderr)
    else:
        print("Interrupted before the first run was finished; there is nothing to report.", file=sys.stderr)
    return INTERRUPTED


def _diagnose(model: Path, data: Path | None, shape: tuple[int, ...] | None) -> int:
    """Goes through the diagnosis, and returns the exit status."""
    try:
        with _without_log_lines():
            from keras_inits.diagnosis import command
    except ImportError as error:
        return _explain(error)
    try:
        with _without_log_lines():
            return command.run(model, data, shape)
    except command.InternalError:
        traceback.print_exc()
        return OUR_FAULT
    except ValueError as error:
        print(command.one_line(str(error)), file=sys.stderr)
        return BAD_FILE if isinstance(error, command.FileError) else 2


@contextlib.contextmanager
def _without_log_lines() -> Iterator[None]:
    """Leaves out what a backend's library logs of the machine, unless there is an error that nobody foresaw.

    It writes to the file of the process, past Python, and in part before it reads at which level it is to log.
    """
    try:
        before = os.dup(2)
    except OSError:  # the process has no such file
        yield
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        except ValueError:  # of the user's model or data
            failed = False
            raise
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            for line in file:
                if failed or not LOG_LINE.match(line):
                    sys.stderr.write(line.decode(errors="replace"))


def _choose_backend(backend: str | None) -> None:
    """Sets the backend of Keras, which is not imported yet, or checks the one that is set."""
    if backend is not None:
        os.environ["KERAS_BACKEND"] = backend
    elif "KERAS_BACKEND" in os.environ:
        _backend(os.environ["KERAS_BACKEND"])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # from its import on; what fails is an exception


def _explain(error: ImportError) -> int:
    """Prints why the backend that Keras is set to cannot be used, and returns the exit status."""
    if isinstance(error, ModuleNotFoundError) and error.name not in BACKENDS:
        raise error
    text = str(error)
    if error.name in BACKENDS:
        text = (
            f"Keras wants the backend {error.name}, which is not installed; expected an installed one. "
            f'Install it: pip install "keras_inits[{error.name}]"; or name another with --backend.'
        )
    print(text, file=sys.stderr)
    return 2


def _option(parser: Callable[[Any], Any], metavar: str, text: str) -> Any:
    """An option of typer that is read by one of the parsers below."""
    import typer

    return typer.Option(parser=parser, metavar=metavar, help=text)


def _refuse(received: object, expected: str, remedy: str) -> NoReturn:
    """Ends the command with status 2 and a message in three parts."""
    import typer

    raise typer.BadParameter(f"received {str(received)!r}; expected {expected}. {remedy}")


def _whole(smallest: int, largest: int | None = None) -> Callable[[Any], int]:
    """Returns a parser of whole numbers within bounds, both included."""
    expected = f"a whole number from {smallest}" + (f" to {largest}" if largest is not None else " up")

    def parse(text: Any) -> int:
        try:
            number = int(str(text))
        except ValueError:
            _refuse(text, expected, f"Write it in digits, for example {smallest + 7}.")
        if number < smallest or (largest is not None and number > largest):
            _refuse(text, expected, f"Choose one within these bounds, for example {smallest + 7}.")
        return number

    return parse


def _one_of(names: Sequence[str]) -> Callable[[str], str]:
    """Returns a parser of one name out of several."""

    def parse(text: str) -> str:
        if text not in names:
            close = difflib.get_close_matches(text.lower(), names, n=1, cutoff=0.4)
            _refuse(
                text, f"one of {', '.join(names)}", f"Did you mean {close[0]}?" if close else "Choose one of these."
            )
        return text

    return parse


def _backend(text: str) -> str:
    """Parses the name of a backend, which must be installed."""
    backend = _one_of(BACKENDS)(text)
    if importlib.util.find_spec(backend) is None:
        _refuse(text, "a backend that is installed", f'Install it: pip install "keras_inits[{backend}]"')
    return backend


def _file(text: Any) -> Path:
    """Parses the name of a file that is there."""
    path = Path(text)
    if not path.is_file():
        _refuse(text, "a file that exists", "Correct the name.")
    return path


def _shape(text: Any) -> tuple[int, ...]:
    """Parses the sizes of one example."""
    parse = _whole(1)
    return tuple(parse(part.strip()) for part in str(text).strip("()").split(",") if part.strip())


def _directory(text: Any) -> Path:
    """Parses the directory of the output, which need not exist yet."""
    path = Path(text)
    if not str(text):
        _refuse(text, "the name of a directory", f"Leave --output out for {OUTPUT}.")
    return path


def _make_directory(path: Path) -> None:
    """Makes the directory of the output, and finds out before anything is trained whether it can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        _refuse(path, f"a directory that can be written ({error.strerror})", "Choose another with --output.")
    for name in FILES:
        if (path / name).is_dir():
            _refuse(path, f"a directory that has no folder {name}", "Choose another with --output, or move that.")


def _print_version(wanted: bool) -> None:
    """Prints the version of the package, and ends the command."""
    import typer

    if wanted:
        from keras_inits import __version__

        typer.echo(f"keras-inits {__version__}")
        raise typer.Exit


if __name__ == "__main__":
    main()
