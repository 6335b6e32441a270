"""The commands and their options, in typer's words."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_inits_cli import FAILED
from keras_inits_cli.interruption import Interruption
from keras_inits_cli.options import (
    ACTIVATIONS,
    BACKENDS,
    STARTS,
    choose_backend,
    file_that_ends_in,
    find_modules_here,
    from_file,
    installed_backend,
    keep_apart,
    one_of,
    output_directory,
    refuse,
)
from keras_inits_cli.options import shape as read_shape
from keras_inits_cli.outcome import FOUND, INTERRUPTED, NOT_ALL_SEEN, NOTHING_KEPT, status_of, told
from keras_inits_cli.quiet import keep_quiet, tell_start, without_log_lines

application = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
HERE: dict[str, Any] = {"exists": True, "dir_okay": False, "readable": True}

BackendOption = Annotated[
    str | None,
    typer.Option(
        parser=installed_backend,
        metavar="|".join(BACKENDS),
        autocompletion=lambda: BACKENDS,
        help="The backend of Keras. Default: KERAS_BACKEND, else Keras's own setting.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error was raised.")]
Config = Annotated[
    Path | None,
    typer.Option(is_eager=True, callback=from_file, help="A TOML file with values of these options.", **HERE),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"keras-inits {version('keras_inits')}")
        raise typer.Exit


@application.callback()
def keras_inits(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Start every layer right, and see every layer's gradient."""


@application.command()
def compare(
    context: typer.Context,
    backend: BackendOption = None,
    build: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FUNCTION", help="Your own network: from an initializer to a compiled model."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Your own data: a .npz file with x and y.", **HERE)] = None,
    validation: Annotated[Path | None, typer.Option(help="A .npz file like --data, to validate on.", **HERE)] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each run.")] = 12,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples in a batch.")] = 64,
    optimizer: Annotated[
        str | None, typer.Option(help="A name such as adam or sgd. Default: the one that the model was compiled with.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help="The optimizer's learning rate. Default: its own.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The first seed, and that of the split.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds each start is trained with.")] = 1,
    initializer: Annotated[
        list[str] | None,
        typer.Option(
            parser=one_of(STARTS),
            metavar="NAME",
            autocompletion=lambda: STARTS,
            help=f"A start; repeatable. Default: all of {', '.join(STARTS)}.",
        ),
    ] = None,
    activation: Annotated[
        list[str] | None,
        typer.Option(
            parser=one_of(ACTIVATIONS),
            metavar="|".join(ACTIVATIONS),
            autocompletion=lambda: ACTIVATIONS,
            help="Of the digits' network; repeatable. Default: both.",
        ),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="Hidden layers of the digits' network.")] = 20,
    output: Annotated[Path, typer.Option(help="The folder of report, plot and runs.")] = Path("keras-inits-report"),
    config: Config = None,
    debug: Debug = False,
) -> None:
    """Train one network from each starting point, and tell them apart: a deep one on scanned digits, or your own."""
    if (build is None) != (data is None):
        given = f"--data {data}" if build is None else f"--build {build}"
        refuse(given, "both of --build and --data, or neither", "Pass the other one too.")
    if build is not None:
        _refuse_of_digits(context)
    choose_backend(backend)
    keep_quiet()
    find_modules_here()
    output_directory(output)
    options = context.params

    def work(interruption: Interruption) -> int:
        tell_start()
        with without_log_lines():
            from keras_inits.comparison.command import Command, subject_of

        command = Command(subject_of(options), options, _repeated(context), interruption.check)
        try:
            command.train_all()
        except KeyboardInterrupt:
            interruption.came = True
        except Exception:
            if not interruption.came:
                raise
        interruption.hold()
        if command.runs:
            command.show()
        if not interruption.came:
            return FAILED if command.failed else 0
        kept = f"the {len(command.runs)} finished of {command.planned} runs are kept"
        if not command.runs:
            return told(INTERRUPTED, NOTHING_KEPT)
        return told(INTERRUPTED, f"Interrupted: {kept}; the same command goes on from there.")

    raise typer.Exit(status_of(work, debug))


@application.command()
def diagnose(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that model.save wrote.", exists=True)],
    data: Annotated[Path | None, typer.Option(help="A .npz file with a batch x, and y if compiled.", **HERE)] = None,
    shape: Annotated[
        Any,
        typer.Option(
            parser=read_shape,
            metavar="NUMBERS",
            help="Of one example, such as 32,32,3: random numbers instead of data.",
        ),
    ] = None,
    backend: BackendOption = None,
    imports: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="A module with custom objects; repeatable.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(dir_okay=False, callback=file_that_ends_in(".html", ".htm"), help="Write the page: .html."),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(dir_okay=False, callback=file_that_ends_in(".json"), help="Write findings and numbers: .json."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            callback=file_that_ends_in(".png", ".svg", ".pdf"),
            help="Write the picture: .png, .svg, .pdf.",
        ),
    ] = None,
    repair: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            callback=file_that_ends_in(".keras"),
            help="Write the model with its weights repaired: .keras.",
        ),
    ] = None,
    config: Config = None,
    debug: Debug = False,
) -> None:
    """Send one batch through a saved model, and say why it does not learn; status 1 if something is found."""
    if (data is None) == (shape is None):
        given = "neither" if data is None else "both"
        refuse(given, "one of --data and --shape", "Pass a file, or a shape to draw.")
    keep_apart((model, data, config), (report, json, plot, repair))
    choose_backend(backend)
    keep_quiet()
    find_modules_here()

    def work(interruption: Interruption) -> int:
        tell_start()
        with without_log_lines():
            from keras_inits.diagnosis.command import Outputs, run

            diagnosis = run(model, data, shape, imports or (), Outputs(report, json, plot, repair))
        return FOUND if diagnosis.findings else NOT_ALL_SEEN if diagnosis.unseen else 0

    raise typer.Exit(status_of(work, debug))


def _refuse_of_digits(context: typer.Context) -> None:
    """Refuses an option of the digits' network beside one's own."""
    for name in ("activation", "depth"):
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            refuse(f"--{name} beside --build", "it for the digits' network alone", "Leave it out.")


def _repeated(context: typer.Context) -> str:
    """The command line that repeats this one, its defaults spelled out."""
    import keras

    words = ["keras-inits", str(context.info_name)]
    values = {**context.params, "backend": keras.backend.backend()}
    for one in context.command.params:
        value = values.get(str(one.name))
        if one.name not in ("config", "debug", "output") and value is not None:
            parts = value if isinstance(value, list | tuple) else [value]
            words += [word for part in parts for word in (one.opts[0], part)]
    return shlex.join(map(str, words))
