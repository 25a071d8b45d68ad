"""``mlconfig``: the group of verbs, and what every verb does with a mistake.

Exit codes: 0 fine; 1 a declared condition holds (gate refused, alert, changes with ``plan --exit-code``); 2 a mistake, the
user's or ours. A mistake of the user's shows no traceback; ``--debug`` shows it.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

VERBS = {
    "validate": "Check a recipe; all problems at once.",
    "show": "Show the effective recipe and where each value came from.",
    "schema": "Print the JSON Schema of the recipe language.",
    "plan": "Show what would be done, against what is live.",
    "apply": "Carry a recipe (or a saved plan.json) out: train, gate, deploy, watch.",
    "train": "Carry a recipe out until the version is registered.",
    "predict": "Score files or a table with the live version.",
    "monitor": "Judge all complete windows now.",
    "alerts": "Show open alerts, and those that reached nobody.",
    "report": "Write what monitoring found as one HTML page.",
    "retrain": "Start a retrain by hand.",
    "feedback": "Bring labels to predictions.",
    "erase": "Erase all rows of one subject.",
    "keys": "Make, list and revoke the keys of an endpoint.",
    "status": "Show what is live, how it does, and why.",
    "destroy": "End what was started; data and versions stay.",
    "plugins": "List plugins.",
    "doctor": "Check this machine: versions, ports, Ray, MLflow, write access.",
}
"""Each verb and its help line; the verb's module is loaded only when it is called."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and help lines, and imports a command when it is called."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command = import_module(f"mlconfig.cli.{name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], VERBS, n=1)
            ctx.fail(f"there is no `{args[0]}`." + (f" Did you mean `{close[0]}`?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mlconfig")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """One YAML recipe declares a model's whole life.

    Start with `mlconfig plan RECIPE`, then `mlconfig apply RECIPE`. Every value of a recipe can be overridden behind it:
    `mlconfig apply recipes/breast_cancer.yaml tuning.trials=5 random_state=7`.
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:] if argv is None else argv
    debug = "--debug" in arguments
    try:
        words = [word for word in arguments if word != "--debug"]
        code = cli.main(args=words, prog_name="mlconfig", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = 2
    except Exception as error:  # noqa: BLE001 — the last resort; every error ends in words
        code = _tell(error, debug)
    sys.exit(code if isinstance(code, int) else 0)


def _tell(error: Exception, debug: bool) -> int:
    from mlconfig.errors import MlconfigError

    if debug:
        import traceback

        traceback.print_exception(error)
    elif isinstance(error, MlconfigError):
        click.secho(str(error), fg="red", err=True)
    else:
        click.secho(f"this is our mistake: {type(error).__name__}: {error}", fg="red", err=True)
        click.echo("  `--debug` shows where it happened", err=True)
    return 2
