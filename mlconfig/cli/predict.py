"""``mlconfig predict``."""

from __future__ import annotations

import json
import re
import sys
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mlconfig.engine.batch import Request
    from mlconfig.serving.batch.pool import Pool
    from mlconfig.serving.batch.run import BatchResult, Watcher

_OVERRIDE = re.compile(r"^(?:[+]{0,2}[A-Za-z_][\w.]*=|~[A-Za-z_])")
OF_PLACES = ("source", "target", "version", "keep", "form", "query", "key", "overwrite")
"""Options that say what a scheduled batch says itself."""
STOPPED = "stopped; finished parts are kept, and the same command goes on from there"


@click.command("predict")
@click.argument("recipe", type=click.Path(path_type=Path), metavar="RECIPE")
@click.argument("words", nargs=-1, metavar="[INPUT OUTPUT] [KEY=VALUE]...")
@click.option("--input", "source", default=None, help="The input, instead of the argument.")
@click.option("--output", "target", default=None, help="The output, instead of the argument.")
@click.option(
    "--batch", "batch", default=None, help="Run a scheduled batch of the recipe now, with its input and output."
)
@click.option("--version", "version", default=None, help="A registered version; the live one when left out.")
@click.option("--keep", default="all", show_default=True, help="Columns that come out again: all, none, key, or a,b,c.")
@click.option("--format", "form", type=click.Choice(["parquet", "csv"]), default=None, help="Of a folder's parts.")
@click.option("--query", default="", help="SQL whose rows are scored, instead of a table of the input database.")
@click.option("--key", default="", help="SQL: a unique column that is never null, to go on by after a stop.")
@click.option("--overwrite", is_flag=True, help="Replace an output that exists.")
@click.option(
    "--resume/--no-resume", default=True, help="Whether to go on where an earlier run stopped (default), or afresh."
)
@click.option("--processes", type=click.IntRange(min=1), default=None, help="Default: one a processor.")
@click.option(
    "--on-ray/--here", "on_ray", default=None, help="Where to score; default: a cluster where engine.address names one."
)
@click.option("-o", "shown", type=click.Choice(["text", "json"]), default="text", help="For people or machines.")
def command(recipe: Path, words: tuple[str, ...], **options: Any) -> int:
    """Score rows with the live version (or, before one is live, the newest registered one).

    INPUT is a CSV or Parquet file, a folder or a glob (in quotes) of them, or a database: postgresql://…#table,
    sqlite:///file.db#table, or a database with --query. OUTPUT is a file, a folder of parts, or a database with a table.

    The output holds the kept columns, then `prediction`, for classes `probability`, and `version`. It appears under its name
    only when it is complete. A run that was stopped goes on when it is called again. Needs no running endpoint.

    --batch NAME stands for INPUT and OUTPUT: a batch of serving.batch is run now, as at its time, and recorded.
    """
    shown = options["shown"]
    with ExitStack() as stack:
        watcher = stack.enter_context(_watcher(quiet=shown == "json"))
        try:
            if options["batch"] is not None:
                result, target = _run_batch(recipe, words, options, watcher)
            else:
                result, target = _score(recipe, words, options, watcher)
        except KeyboardInterrupt:
            click.echo(STOPPED, err=True)
            return 130
    if shown == "json":
        click.echo(json.dumps({**asdict(result), "output": target}, indent=2))
    else:
        click.echo(f"{result.rows} row(s) scored by version {result.version}: {target}")
    return 0


def _places(words: tuple[str, ...], source: str | None, target: str | None) -> tuple[str, str, tuple[str, ...]]:
    """INPUT and OUTPUT are those words that are no overrides; a path that looks like one is written with `./`."""
    places = [word for word in words if not _OVERRIDE.match(word) or _is_there(word)]
    overrides = tuple(word for word in words if word not in places)
    given = [*([source] if source else []), *places, *([target] if target else [])]
    if len(given) != 2:
        hint = "quote a glob" if len(given) > 2 else "an output that looks like an override is written ./a=b"
        raise click.UsageError(f"INPUT and OUTPUT are needed, and there are {len(given)}: {hint}")
    return given[0], given[1], overrides


def _is_there(word: str) -> bool:
    try:
        return Path(word).exists()
    except OSError:  # a long override is too long for a name
        return False


def _request(source: str, target: str, options: dict[str, Any]) -> Request:
    from mlconfig.engine.batch import Request
    from mlconfig.serving.batch.run import Settings

    keep = tuple(word.strip() for word in options["keep"].split(",") if word.strip())
    settings = Settings(keep=keep, overwrite=options["overwrite"], resume=options["resume"])
    taken = ("version", "query", "key", "form", "processes", "on_ray")
    return Request(source, target, settings=settings, **{name: options[name] for name in taken})


def _warm_pool(request: Request) -> Pool | None:
    """Processes for what is large: they import while the recipe is read."""
    from mlconfig.engine.batch import is_large
    from mlconfig.serving.batch.pool import Pool, processors

    processes = request.processes or processors()
    if request.on_ray or processes == 1 or not is_large(request.source):
        return None
    return Pool(processes)


def _score(recipe: Path, words: tuple[str, ...], options: dict[str, Any], watcher: Watcher) -> tuple[BatchResult, str]:
    """What was scored, and where it is."""
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.batch import predict_batch

    source, target, overrides = _places(words, options["source"], options["target"])
    request = _request(source, target, options)
    with ExitStack() as stack:
        pool = _warm_pool(request)
        if pool is not None:
            stack.callback(pool.close)
        plan, workspace = workspace_of(recipe, overrides)
        return predict_batch(workspace, plan, request, pool, watcher), target


def _run_batch(
    recipe: Path, words: tuple[str, ...], options: dict[str, Any], watcher: Watcher
) -> tuple[BatchResult, str]:
    """What a scheduled batch scored, and where it is."""
    from mlconfig.cli.places import workspace_of
    from mlconfig.engine.batch import predict_batch
    from mlconfig.engine.scheduled import batch_of, run_by_hand

    said = [name for name in OF_PLACES if options[name] not in ("", "all", None, False)]
    if said or not all(_OVERRIDE.match(word) for word in words):
        raise click.UsageError("--batch stands for input, output and all that is said of them")
    plan, workspace = workspace_of(recipe, words)

    def score(request: Request) -> BatchResult:
        settings = replace(request.settings, resume=options["resume"])
        how = {name: options[name] for name in ("processes", "on_ray")}
        return predict_batch(workspace, plan, replace(request, settings=settings, **how), watcher=watcher)

    result = run_by_hand(workspace, plan, options["batch"], score)
    target = batch_of(plan, options["batch"]).output.params
    return result, str(target.get("path") or target["table"])


def _watcher(*, quiet: bool) -> Any:
    from mlconfig.cli.progress import rows_watcher

    return rows_watcher(quiet=quiet, terminal=sys.stderr.isatty())
