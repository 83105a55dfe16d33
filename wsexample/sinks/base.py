"""Sinks by URL: which module serves a scheme, and what the parts of the URL mean.

The queue in front of a store is in `wsexample.sinks.batching`, each store in a file of its own, loaded on use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, Unpack
from urllib.parse import parse_qsl, unquote, urlsplit

from wsexample.errors import OptionError
from wsexample.sinks.batching import BatchingSink, SinkOptions

if TYPE_CHECKING:
    from wsexample.sinks.option_fields import SinkFields

__all__ = ["SinkAddress", "open_sink"]

Options = TypeVar("Options", bound=SinkOptions)

SCHEMES: Mapping[str, str] = {
    "sqlite": "wsexample.sinks.sqlite",
    "parquet": "wsexample.sinks.parquet",
    "nats": "wsexample.sinks.jetstream",
    "mongodb": "wsexample.sinks.mongo",
    "mongodb+srv": "wsexample.sinks.mongo",
}
"""Where each scheme lives; the module has ``sink_at(address)``. Loaded on use."""

_SUFFIXES = {".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite"}


@dataclass(frozen=True, slots=True)
class SinkAddress:
    """A sink's URL, taken apart."""

    scheme: str
    """"sqlite", "parquet", "nats" or "mongodb"."""
    location: str
    """Everything between ``//`` and ``?``: host and path."""
    options: Mapping[str, Any]
    """Keywords of `open_sink` over those in the URL's query; the latter are still text."""

    @property
    def path(self) -> str:
        """The file that the URL names: ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``sqlite:///C:/x.db``.

        Raises:
            OptionError: the URL has a host or no path.
        """
        if not self.location.startswith("/") or len(self.location) < 2:
            raise OptionError(
                f"{self.scheme}://{_without_user(self.location)} names no file; "
                f"write {self.scheme}:///relative/path or {self.scheme}:////absolute/path",
                option="url",
            )
        return unquote(self.location[1:])

    def options_as(self, options_type: type[Options]) -> Options:
        """Return the options of a sink from the query and the keywords.

        Parameters:
            options_type: the class of options.

        Raises:
            OptionError: an unknown name, or a value that is not of its type.
        """
        defaults = options_type()
        known: dict[str, Callable[[Any], Any]] = {
            one.name: type(getattr(defaults, one.name)) for one in fields(options_type)
        }
        values: dict[str, Any] = {}
        for name, value in self.options.items():
            if name not in known:
                raise OptionError(
                    f"{self.scheme} sinks have no option {name!r}; they have {', '.join(sorted(known))}", option=name
                )
            try:
                values[name] = known[name](value)
            except (TypeError, ValueError) as error:
                kind = "a whole number" if known[name] is int else "a number"
                raise OptionError(f"{name} must be {kind}, not {value!r}", option=name) from error
        return options_type(**values)


class _SinkModule(Protocol):
    def sink_at(self, address: SinkAddress) -> BatchingSink: ...


def open_sink(url: str, **options: Unpack[SinkFields]) -> BatchingSink:
    """Return the sink for a URL; nothing is opened before its first use (`BatchingSink.open`, ``async with`` or a write).

    Parameters:
        url: ``sqlite:///relative.db``, ``sqlite:////absolute.db``, or a path that ends in ``.db`` or ``.sqlite``;
            ``parquet:///directory``; ``nats://host:4222/STREAM``; ``mongodb://host:27017/database``.
            A query sets options: ``sqlite:///x.db?batch_delay_s=1``.
        options: the same as keywords; see `SinkOptions` and the sink's own options.

    Raises:
        OptionError: no sink for this URL, or an option that cannot work.
    """
    address = _address(url, options)
    module: _SinkModule = import_module(SCHEMES[address.scheme])
    return module.sink_at(address)


def _address(url: str, options: Mapping[str, Any]) -> SinkAddress:
    if "://" not in url:
        for suffix, scheme in _SUFFIXES.items():
            if url.lower().endswith(suffix):
                return SinkAddress(scheme, "/" + url.replace("%", "%25"), dict(options))
        raise OptionError(
            f"cannot tell what kind of sink {_without_user(url)!r} is; write one of {_known()}, or a path ending in .db",
            option="url",
        )
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise OptionError(f"there is no sink for {scheme}://; known are {_known()}", option="url")
    parts = urlsplit(url)
    port = parts.netloc.rpartition(":")[2]
    if "@" not in parts.netloc and "@" in url and ":" in parts.netloc and not port.isdecimal():
        raise OptionError("in user and password / ? # are written %2F %3F %23", option="url")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return SinkAddress(scheme, parts.netloc + parts.path, {**query, **options})


def _without_user(location: str) -> str:
    """Return an address that can be shown."""
    return location.rpartition("@")[2]


def _known() -> str:
    return ", ".join(f"{scheme}://" for scheme in sorted(SCHEMES))
