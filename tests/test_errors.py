"""The exception tree: one root, drawn as it is, with facts as attributes and sentences for people."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Iterator

import pytest

from wsexample import errors
from wsexample.errors import (
    BrokerError,
    ConnectError,
    ConnectionClosed,
    DeadlineError,
    HandshakeError,
    MissingExtraError,
    OptionError,
    ProxyError,
    RateLimitError,
    StorageError,
    WsExampleError,
)


def _tree(kind: type[WsExampleError]) -> Iterator[type[WsExampleError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


EVERY = [kind for kind in dict.fromkeys(_tree(WsExampleError)) if kind.__module__ == errors.__name__]

SAMPLES: list[WsExampleError] = [
    OptionError("the port must be below 65536", option="port"),
    MissingExtraError("the NATS sink", extra="nats"),
    HandshakeError("not a WebSocket server", status=403, reason="Forbidden", headers={"server": "x"}, body=b"no"),
    ConnectionClosed(code=4001, reason="enough", was_clean=True, by_peer=False),
    ConnectError("nobody listens there", address="127.0.0.1:9", refused=True),
    ProxyError("the proxy refused", address="127.0.0.1:9", status=407),
    DeadlineError("no pong came within 2 s", step="pong", timeout_s=2.0),
    RateLimitError(
        "too many calls", wait_s=3.0, venue="kabu", code=4002006, words="API実行回数エラー", http_status=429
    ),
    StorageError("the disk is full", url="sqlite:///x.db", is_final=False),
]


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    """Every class stands in the drawing below its parent, and nothing else stands there."""
    drawn: dict[str, str] = {}
    path: list[str] = []
    for indent, name in re.findall(r"^( *)\* `(\w+)`", errors.__doc__ or "", flags=re.MULTILINE):
        path = [*path[: len(indent) // 4], name]
        drawn[name] = path[-2] if len(path) > 1 else "Exception"
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in EVERY}


def test_the_module_exports_the_whole_tree() -> None:
    """``from wsexample.errors import *`` brings every class of the tree, in order."""
    assert errors.__all__ == sorted(kind.__name__ for kind in EVERY)


@pytest.mark.parametrize(
    ("ours", "builtin"),
    [
        ("OptionError", ValueError),
        ("MissingExtraError", ImportError),
        ("NetworkError", OSError),
        ("DeadlineError", TimeoutError),
    ],
)
def test_some_errors_are_also_the_builtin_that_people_catch(ours: str, builtin: type[Exception]) -> None:
    """Code that catches the standard library's error catches ours."""
    assert issubclass(getattr(errors, ours), builtin)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_documented_attributes_are_arguments(kind: type[WsExampleError]) -> None:
    """What a class documents under "Attributes" can be given as an argument and read back."""
    documented = re.findall(r"^ +(\w+): ", (kind.__doc__ or "").partition("Attributes:")[2], flags=re.MULTILINE)
    parameters = inspect.signature(kind.__init__).parameters
    assert [name for name in documented if name not in parameters and not hasattr(kind, name)] == []


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickle_and_copy_with_its_facts(error: WsExampleError) -> None:
    """An error that crosses a process or is copied keeps its facts and its sentence."""
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_the_sentence_is_one_line(error: WsExampleError) -> None:
    """``str()`` is a sentence for a terminal: not empty, one line, no tuple and no errno."""
    assert re.fullmatch(r"[^\[(\n][^\n]*", str(error))


def test_a_closed_connection_says_who_and_how() -> None:
    """The sentence tells which side closed, with which code, and its words."""
    assert str(ConnectionClosed(code=1001, reason="server stopping")) == (
        "the peer closed the connection with 1001: server stopping"
    )
    assert str(ConnectionClosed(code=1000, by_peer=False)) == "this side closed the connection with 1000"
    assert "lost without a closing handshake" in str(ConnectionClosed(code=1006))


def test_the_words_of_a_peer_stay_in_their_line() -> None:
    """A close reason with line breaks or commands for a terminal is written out in the sentence, and is a fact as it came."""
    closed = ConnectionClosed(code=1011, reason="\x1b[2J\nall is well")
    assert str(closed) == r"the peer closed the connection with 1011: \x1b[2J\nall is well"
    assert closed.reason == "\x1b[2J\nall is well"


def test_a_missing_extra_names_the_install_that_brings_it() -> None:
    """The message can be copied into a shell."""
    assert "pip install 'wsexample[nats]'" in str(MissingExtraError("the NATS sink", extra="nats"))


def test_whether_a_broker_error_is_final_can_be_told_for_one_case() -> None:
    """The class has a default that the place of the error may overrule."""
    assert BrokerError("refused").is_final
    assert not BrokerError("refused", is_final=False).is_final
    assert not RateLimitError("too many").is_final
