"""Where credentials are looked for when none are given: the environment, a ``.env`` file, a config file. Never printed.

The order, first found wins, each name for itself:

1. what is passed to a client or a command;
2. environment variables;
3. the file ``.env`` of the current directory, or the file named by ``env_file``;
4. the config file: the one named by ``config_file``, else by the variable ``WSEXAMPLE_CONFIG``, else
   ``~/.config/wsexample/config.toml`` (``$XDG_CONFIG_HOME`` instead of ``~/.config`` where it is set,
   ``%APPDATA%\\wsexample\\config.toml`` on Windows).

| broker | table and keys of the config file | variable |
|---|---|---|
| kabu | ``[kabu] key`` | ``KABU_API_KEY`` |
| | ``[kabu] password`` | ``KABU_API_PASSWORD`` |
| alpaca | ``[alpaca] key`` | ``APCA_API_KEY_ID``, else ``ALPACA_API_KEY`` |
| | ``[alpaca] secret`` | ``APCA_API_SECRET_KEY``, else ``ALPACA_SECRET_KEY`` |
| | ``[alpaca] oauth_token`` | ``APCA_API_OAUTH_TOKEN``, else ``APCA_API_OAUTH`` |
| weex | ``[weex] key`` | ``WEEX_API_KEY`` |
| | ``[weex] secret`` | ``WEEX_SECRET_KEY`` |
| | ``[weex] passphrase`` | ``WEEX_PASSPHRASE`` |

What a broker does with them is its own business.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from wsexample.brokers.base import Secret
from wsexample.errors import CredentialsError, OptionError

__all__ = ["NAMES", "Settings", "config_path", "find_settings"]

log = logging.getLogger("wsexample.credentials")

NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "kabu": {"key": ("KABU_API_KEY",), "password": ("KABU_API_PASSWORD",)},
    "alpaca": {
        "key": ("APCA_API_KEY_ID", "ALPACA_API_KEY"),
        "secret": ("APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY"),
        "oauth_token": ("APCA_API_OAUTH_TOKEN", "APCA_API_OAUTH"),
    },
    "weex": {"key": ("WEEX_API_KEY",), "secret": ("WEEX_SECRET_KEY",), "passphrase": ("WEEX_PASSPHRASE",)},
}
"""Broker -> credential, as the config file calls it -> variables, most wanted first."""

_PLAIN_NAME = re.compile(r"[a-z_]{1,24}")
CONFIG_VARIABLE = "WSEXAMPLE_CONFIG"


class Settings(Mapping[str, str]):
    """Variables of all sources by name; an empty value counts as none. Printing it shows names and sources only.

    Parameters:
        sources: (where it is, as a person would say; its variables), the strongest first.
    """

    def __init__(self, *sources: tuple[str, Mapping[str, str]]) -> None:
        self._sources = sources

    def __getitem__(self, name: str) -> str:
        for _, variables in self._sources:
            if value := variables.get(name):
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({name: None for _, variables in self._sources for name, value in variables.items() if value})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def source(self, name: str) -> str | None:
        """Return where a variable was found, such as "the environment"; None when nowhere.

        Parameters:
            name: of the variable.
        """
        return next((place for place, variables in self._sources if variables.get(name)), None)

    def credential(self, broker: str, credential: str) -> Secret | None:
        """Return a credential of a broker by its name in the config file; None when it is nowhere."""
        for variables in (variables for _, variables in self._sources):
            for name in NAMES[broker][credential]:
                if value := variables.get(name):
                    return Secret(value)
        return None

    def require(self, broker: str, *credentials: str) -> tuple[Secret, ...]:
        """Return credentials of a broker.

        Raises:
            CredentialsError: one is missing; says which, and every place where it was looked for.
        """
        found = [self.credential(broker, credential) for credential in credentials]
        missing = [name for name, value in zip(credentials, found, strict=True) if value is None]
        if missing:
            variables = " and ".join(NAMES[broker][name][0] for name in missing)
            places = ", ".join(place for place, _ in self._sources)
            raise CredentialsError(
                f"{broker}: no {' and no '.join(missing)}; set {variables} (looked in {places})", venue=broker
            )
        return tuple(value for value in found if value is not None)

    def __repr__(self) -> str:
        known = {name for table in NAMES.values() for names in table.values() for name in names}
        shown = ", ".join(f"{name} from {self.source(name)}" for name in self if name in known)
        return f"<Settings: {shown or 'no credentials'}>"


def find_settings(
    *,
    environment: Mapping[str, str] | None = None,
    env_file: str | Path | None = None,
    config_file: str | Path | None = None,
) -> Settings:
    """Read every place where credentials may be.

    Parameters:
        environment: variables (default those of the process).
        env_file: file of ``NAME=value`` lines (default ``.env`` of the current directory, when there is one).
        config_file: TOML file (default as in this module's description, when there is one).

    Raises:
        OptionError: a file that was named cannot be read, or one that was found is not what it should be.
    """
    variables = os.environ if environment is None else environment
    sources: list[tuple[str, Mapping[str, str]]] = [("the environment", variables)]
    env_path = Path(env_file) if env_file is not None else Path(".env")
    if env_file is not None or env_path.is_file():
        sources.append((str(env_path), _read_env(env_path)))
    named = config_file if config_file is not None else variables.get(CONFIG_VARIABLE) or None
    path = Path(named) if named is not None else config_path(variables)
    if named is not None or (path is not None and path.is_file()):
        assert path is not None
        sources.append((str(path), _read_config(path)))
    return Settings(*sources)


def config_path(environment: Mapping[str, str]) -> Path | None:
    """Return where the config file is when nobody names another; None where no home is known.

    Parameters:
        environment: the variables to look into.
    """
    if sys.platform == "win32":
        folder = environment.get("APPDATA")
        return Path(folder) / "wsexample" / "config.toml" if folder else None
    folder = environment.get("XDG_CONFIG_HOME")
    if folder:
        return Path(folder) / "wsexample" / "config.toml"
    home = environment.get("HOME")
    return Path(home) / ".config" / "wsexample" / "config.toml" if home else None


def _read(path: Path, option: str) -> str:
    try:
        if sys.platform != "win32" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            log.warning("%s can be read by other users of this machine; chmod 600 %s", path, path)
        return path.read_text(encoding="utf-8-sig")  # editors of Windows begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise OptionError(f"{path} cannot be read: {words}", option=option) from None


def _read_env(path: Path) -> dict[str, str]:
    from io import StringIO

    from dotenv import dotenv_values

    text = _read(path, "env_file")
    return {name: value for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items() if value}


def _read_config(path: Path) -> dict[str, str]:
    """Read a config file into the variables that its keys stand for."""
    text = _read(path, "config_file")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # The parser names line and column and no content; a cause would show the content all the same.
        raise OptionError(f"{path} is not TOML: {error}", option="config_file") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, nesting without end
        raise OptionError(f"{path} is no TOML of credentials", option="config_file") from None
    variables: dict[str, str] = {}
    for broker, names in NAMES.items():
        table = tables.get(broker, {})
        if not isinstance(table, dict):
            raise OptionError(f"{path}: {broker} must be a table, [{broker}]", option="config_file")
        for key, value in table.items():
            if key not in names:
                named = repr(key) if _PLAIN_NAME.fullmatch(key) else "such name"  # it may be a value in the wrong place
                raise OptionError(f"{path}: [{broker}] knows no {named}, only {', '.join(names)}", option="config_file")
            if not isinstance(value, str):
                raise OptionError(f"{path}: [{broker}] {key} must be a text in quotes", option="config_file")
            variables[names[key][0]] = value
    return variables
