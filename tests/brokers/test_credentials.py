"""Credentials are found in a known order, and never shown."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from wsexample.brokers.credentials import NAMES, Settings, config_path, find_settings
from wsexample.errors import CredentialsError, OptionError


def secret_file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and an empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_environment_comes_before_the_env_file_and_that_before_the_config_file(home: Path) -> None:
    """Each name is taken from the first place that has it."""
    secret_file(home / ".env", "WEEX_API_KEY=env-file\nWEEX_SECRET_KEY=env-file\n")
    secret_file(
        home / ".config" / "wsexample" / "config.toml",
        '[weex]\nkey = "config"\nsecret = "config"\npassphrase = "config"\n',
    )
    settings = find_settings(environment={"WEEX_API_KEY": "variable", "HOME": str(home)})
    found = settings.require("weex", "key", "secret", "passphrase")
    assert [secret.reveal() for secret in found] == ["variable", "env-file", "config"]
    assert settings.source("WEEX_SECRET_KEY") == ".env"


def test_an_empty_variable_counts_as_none(home: Path) -> None:
    """KABU_API_KEY= in the environment does not hide the one of a file."""
    secret_file(home / ".env", "KABU_API_KEY=real\n")
    settings = find_settings(environment={"KABU_API_KEY": ""})
    assert settings["KABU_API_KEY"] == "real"
    assert dict(settings) == {"KABU_API_KEY": "real"}


def test_alpacas_own_names_come_before_those_of_its_examples(home: Path) -> None:
    """APCA_API_KEY_ID wins over ALPACA_API_KEY in the same place; a stronger place wins over both."""
    settings = find_settings(environment={"ALPACA_API_KEY": "second", "APCA_API_KEY_ID": "first"})
    assert settings.credential("alpaca", "key").reveal() == "first"  # type: ignore[union-attr]
    secret_file(home / ".env", "APCA_API_KEY_ID=file\n")
    settings = find_settings(environment={"ALPACA_API_KEY": "second"})
    assert settings.credential("alpaca", "key").reveal() == "second"  # type: ignore[union-attr]


def test_files_can_be_named(home: Path) -> None:
    """env_file and config_file replace the usual places; WSEXAMPLE_CONFIG names a config file too."""
    env = secret_file(home / "other.env", "KABU_API_PASSWORD='pass word'\n")
    config = secret_file(home / "mine.toml", '[kabu]\nkey = "k"\n')
    settings = find_settings(environment={}, env_file=env, config_file=config)
    assert [secret.reveal() for secret in settings.require("kabu", "key", "password")] == ["k", "pass word"]
    by_variable = find_settings(environment={"WSEXAMPLE_CONFIG": str(config)})
    assert by_variable.credential("kabu", "key") is not None


def test_what_is_missing_is_named_with_every_place(home: Path) -> None:
    """The error says which variables to set and where was looked."""
    secret_file(home / ".env", "APCA_API_KEY_ID=id\n")
    settings = find_settings(environment={})
    with pytest.raises(
        CredentialsError, match=r"no secret; set APCA_API_SECRET_KEY \(looked in the environment, \.env\)"
    ):
        settings.require("alpaca", "key", "secret")


def test_nothing_is_ever_shown(home: Path) -> None:
    """repr names variables and places, not values; neither does a missing or broken file's error."""
    config = secret_file(home / "c.toml", '[kabu]\nkey = "hunter2"\npasword = "hunter3"\n')
    with pytest.raises(OptionError, match=r"\[kabu\] knows no 'pasword', only key, password") as caught:
        find_settings(environment={}, config_file=config)
    broken = secret_file(home / "d.toml", "[kabu]\nkey = hunter2\n")
    with pytest.raises(OptionError, match="is not TOML") as other:
        find_settings(environment={}, config_file=broken)
    assert other.value.__cause__ is None
    settings = find_settings(environment={"KABU_API_KEY": "hunter2", "SHELL": "sh"})
    assert repr(settings) == "<Settings: KABU_API_KEY from the environment>"
    assert "hunter" not in f"{caught.value}{other.value}{settings}{settings.require('kabu', 'key')}"


@pytest.mark.parametrize(
    ("text", "words"),
    [("kabu = 1", "must be a table"), ("[kabu]\nkey = 1234", "must be a text in quotes"), ("\0", "is not TOML")],
)
def test_a_config_file_that_is_wrong_is_refused(home: Path, text: str, words: str) -> None:
    """A mistake in the file is the caller's, and is said with the file's name."""
    path = secret_file(home / "c.toml", text)
    with pytest.raises(OptionError, match=words) as caught:
        find_settings(environment={}, config_file=path)
    assert "c.toml" in str(caught.value)


def test_a_named_file_must_be_there(home: Path) -> None:
    """A file that is only looked for may be missing; one that was named may not."""
    assert find_settings(environment={"HOME": str(home)}).credential("kabu", "key") is None
    with pytest.raises(OptionError, match="cannot be read: No such file"):
        find_settings(environment={}, env_file="missing.env")
    with pytest.raises(OptionError, match="cannot be read"):
        find_settings(environment={}, config_file=home)
    (home / "latin").write_bytes(b"KABU_API_KEY=\xff")
    with pytest.raises(OptionError, match="not UTF-8"):
        find_settings(environment={}, env_file="latin")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps permissions elsewhere")
def test_a_file_that_others_can_read_is_warned_about(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Like ssh, but a warning: chmod 600 is named."""
    path = secret_file(home / ".env", "KABU_API_KEY=k\n")
    with caplog.at_level(logging.WARNING):
        find_settings(environment={})
        assert caplog.text == ""
        path.chmod(0o644)
        find_settings(environment={})
    assert "chmod 600" in caplog.text


def test_the_config_file_is_where_its_system_keeps_such_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG on POSIX, APPDATA on Windows, nowhere without a home."""
    monkeypatch.setattr("sys.platform", "linux")
    assert config_path({"HOME": "/home/a"}) == Path("/home/a/.config/wsexample/config.toml")
    assert config_path({"HOME": "/home/a", "XDG_CONFIG_HOME": "/x"}) == Path("/x/wsexample/config.toml")
    assert config_path({}) is None
    monkeypatch.setattr("sys.platform", "win32")
    assert config_path({"APPDATA": "/roaming"}) == Path("/roaming/wsexample/config.toml")
    assert config_path({}) is None


def test_the_description_names_every_variable() -> None:
    """The tables of the module and of docs/credentials.md are the table of the code."""
    from wsexample.brokers import credentials

    page = (Path(__file__).parent.parent.parent / "docs" / "credentials.md").read_text(encoding="utf-8")
    for broker, table in NAMES.items():
        assert f"[{broker}]" in str(credentials.__doc__)
        for names in table.values():
            assert all(f"``{name}``" in str(credentials.__doc__) for name in names)
            assert all(f"`{name}`" in page for name in names)
        assert all(f"`[{broker}] {key}`" in page for key in table)


def test_settings_are_a_mapping_for_code_that_reads_variables() -> None:
    """Whoever takes an environment can be given settings instead."""
    settings = Settings(("the environment", {"A": "1", "B": ""}), (".env", {"A": "2", "B": "3"}))
    assert dict(settings) == {"A": "1", "B": "3"}
    assert len(settings) == 2
    assert settings.source("C") is None
    with pytest.raises(KeyError):
        settings["C"]
