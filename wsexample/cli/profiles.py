"""Defaults from a TOML file: at its top for every call, in ``[profile.NAME]`` for calls that ask for that name.

Keys are the long names of options, without the dashes in front; what stands on the command line wins.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from wsexample.cli.options import option

__all__ = ["default_path", "profile_flags"]


def default_path(program: str) -> Path:
    """Return where a command looks for its file when none is named."""
    return Path(click.get_app_dir("wsexample")) / f"{program}.toml"


def profile_flags(command: Any) -> Any:
    """Add ``--config FILE`` and ``--profile NAME``."""
    command = option(
        "--profile",
        metavar="NAME",
        is_eager=True,
        expose_value=False,
        callback=_remember_profile,
        section="Set-up",
        help="Take the defaults of [profile.NAME] in that file.",
    )(command)
    return option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=_load,
        section="Set-up",
        help="TOML file with defaults: long option names as keys. Default: wseclient.toml among your settings.",
    )(command)


def _remember_profile(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    ctx.meta["wsexample.profile"] = value
    _merge(ctx)


def _load(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    path = value or default_path(ctx.command.name or "")
    if value is not None or path.is_file():
        try:
            ctx.meta["wsexample.config"] = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise click.UsageError(f"{path} cannot be used: {error}", ctx) from None
    else:
        ctx.meta["wsexample.config"] = {}
    ctx.meta["wsexample.config_path"] = path
    _merge(ctx)


def _merge(ctx: click.Context) -> None:
    """Make the file's values the defaults, once both flags are known."""
    if "wsexample.config" not in ctx.meta or "wsexample.profile" not in ctx.meta:
        return
    config: dict[str, Any] = dict(ctx.meta["wsexample.config"])
    path = ctx.meta["wsexample.config_path"]
    profiles = config.pop("profile", {})
    if not isinstance(profiles, dict) or not all(isinstance(each, dict) for each in profiles.values()):
        raise click.UsageError(f"{path}: a profile is a table, written [profile.NAME]", ctx)
    wanted = ctx.meta["wsexample.profile"]
    if wanted is not None and wanted not in profiles:
        known = f"; there are {', '.join(sorted(profiles))}" if profiles else ""
        raise click.UsageError(f"{path} has no [profile.{wanted}]{known}", ctx)
    values = config | dict(profiles.get(wanted, {}))
    ctx.default_map = {**(ctx.default_map or {}), **_by_parameter(ctx, values, path)}


def _by_parameter(ctx: click.Context, values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the values under the names that click uses; refuses a key that is no option."""
    names: dict[str, click.Parameter] = {}
    for parameter in ctx.command.params:
        for name in (*parameter.opts, *parameter.secondary_opts):
            names[name.lstrip("-")] = parameter
    found: dict[str, Any] = {}
    for key, value in values.items():
        meant = names.get(key)
        if meant is None or meant.name is None:
            raise click.UsageError(f"{path}: there is no option {key!r}", ctx)
        if isinstance(meant, click.Option) and meant.is_flag and (_chooses(meant) or key in _opposites(meant)):
            if not isinstance(value, bool):
                raise click.UsageError(f"{path}: {key} is true or false", ctx)
            if _chooses(meant):  # one of several flags for one choice, such as --text and --binary
                if value:
                    found[meant.name] = meant.flag_value
            else:
                found[meant.name] = not value
            continue
        found[meant.name] = [value] if meant.multiple and not isinstance(value, list) else value
    return found


def _chooses(flag: click.Option) -> bool:
    """Tell whether a flag stands for a value of its own, such as --binary for the kind of messages."""
    return isinstance(flag.flag_value, str | int) and not isinstance(flag.flag_value, bool)


def _opposites(flag: click.Option) -> set[str]:
    return {name.lstrip("-") for name in flag.secondary_opts}
