"""The command that makes a language model safe to load: `trading model import`.

Belongs here: its options, where the result goes, and its exit codes.
Keep out: converting (pipelines/models/convert.py); heavy imports stay inside.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

model = typer.Typer(help="Models that score texts.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(model, name="model")


@model.callback()
def _group() -> None:
    """Models that score texts."""


@model.command("import")
def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_FOLDER", help="A model of Hugging Face, or a folder with its files."
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option(help="A new or empty folder.", show_default="the model's name, here"),
    ] = None,
) -> None:
    """Turn a model that is published as a pickle into safetensors and ONNX, once.

    Weights alone are read, in a process without network. Needs torch (the extra `train`).
    """
    from deploy.local.errors import BadInputError
    from pipelines.errors import ModelError
    from pipelines.models.convert import import_model

    folder = (to or Path(source.rstrip("/").rpartition("/")[2])).absolute()
    try:
        made = import_model(source, folder)
    except ModelError as error:
        raise BadInputError(str(error)) from error
    sys.stdout.write(f"{made}\n")
    sys.stderr.write("Name this folder as the model: `sentiment` of the Dagster resource `news`.\n")
