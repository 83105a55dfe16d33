"""Whatever stands in a file or comes through a pipe is read, or refused with an error of the project's own that holds no secret.

Records as JSON lines, credentials, watch lists, what is typed, what a peer sent to be shown: nothing grows without a bound.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz.targets._drawing import Draw, hostile_json
from tests.fuzz.targets.hub_reader import BOOK, ORDER, QUOTE
from wsexample.brokers.credentials import find_settings
from wsexample.cli.client.incoming import Presenter
from wsexample.cli.client.outgoing import Encoder, JsonCollector, json_rpc_call
from wsexample.cli.dump import harmless, shown
from wsexample.cli.watch_list import read_watch_list
from wsexample.errors import CredentialsError, OptionError, StorageError
from wsexample.records.fields import UnknownRecord, decode_json, encode_json

INSTRUMENT: tuple[str, ...] = ("wsexample.cli", "wsexample.brokers.credentials", "wsexample.records.fields")
TOKENS: tuple[bytes, ...] = (
    b"[alpaca]",
    b"key",
    b"secret",
    b"APCA_API_SECRET_KEY=",
    b'"\\ud800"',
    b"\xef\xbb\xbf",
    b"9433@1",
)
FOLDER = Path(tempfile.mkdtemp(prefix="wsexample-fuzz-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
SECRET = b"s3cr3t-planted-0001"
ENV = b'APCA_API_KEY_ID=PKTEST\nexport APCA_API_SECRET_KEY="' + SECRET + b'" # mine\n'
TOML = b'[alpaca]\nkey = "PKTEST"\nsecret = "' + SECRET + b'"\n[kabu]\npassword = "x"\n'
LIST = b'# mine\n9433@1 KDDI\n*101\n"167060019", x\n7203.T\n'
MOST_SHOWN = 20_000_000


def one_input(data: bytes) -> None:
    """Read one file, line or message."""
    draw = Draw(data)
    match draw.number(6):
        case 0:
            _line(draw)
        case 1:
            _settings(draw)
        case 2:
            _refused(lambda: read_watch_list(_file(_spoilt(draw, LIST))))
        case 3:
            _typed(draw)
        case 4:
            _shown(draw)
        case 5:
            payload = draw.rest()
            assert len(shown(2, zlib.compress(payload * 10)[2:-4])) < MOST_SHOWN
            for opcode in (1, 2, 8, 9):
                harmless(shown(opcode, payload)).encode()


def _file(content: bytes) -> Path:
    path = FOLDER / "file"
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def _spoilt(draw: Draw, content: bytes) -> bytes:
    for _ in range(draw.number(4)):
        at = draw.number(len(content) + 1)
        content = content[:at] + draw.octets(40) + content[at + draw.number(40) :]
    return content


def _refused(act: object) -> str:
    """Do something; returns what was said against it, "" for nothing."""
    assert callable(act)
    try:
        act()
    except (OptionError, StorageError, CredentialsError) as error:
        said = f"{error} {error!r} {error.__cause__!r} {'' if error.__suppress_context__ else error.__context__!r}"
        said.encode()
        return said
    return ""


def _line(draw: Draw) -> None:
    line = hostile_json(draw, [QUOTE, ORDER, BOOK, {"kind": "later", "x": 1}])
    try:
        record = decode_json(line)
    except StorageError:
        return
    if not isinstance(record, UnknownRecord):
        assert encode_json(decode_json(encode_json(record))) == encode_json(record)


def _settings(draw: Draw) -> None:
    if draw.number(2):
        content = _spoilt(draw, TOML)
        said = _refused(lambda: find_settings(environment={}, config_file=_file(content)))
    else:
        content = _spoilt(draw, ENV)
        said = _refused(lambda: repr(find_settings(environment={}, env_file=_file(content))))
    assert SECRET.decode() not in said


def _typed(draw: Draw) -> None:
    collector = JsonCollector()
    coding = draw.pick(("plain", "hex", "base64"))
    encoder = Encoder(coding=coding, is_binary=bool(draw.number(2)))
    for line in (hostile_json(draw, [QUOTE]), draw.rest()):
        _refused(lambda line=line: encoder.encode(line))
        for piece in line.decode("utf-8", "replace").split("\n"):
            _refused(lambda piece=piece: collector.feed(piece))
            _refused(lambda piece=piece: json_rpc_call(f"call {piece}").encode(errors="surrogatepass"))
    _refused(collector.finish)


def _shown(draw: Draw) -> None:
    presenter = Presenter(
        is_terminal=bool(draw.number(2)),
        is_pretty=bool(draw.number(4)),
        has_color=bool(draw.number(2)),
        decodes_gzip=True,
        coding=draw.pick(("plain", "hex", "base64")),
    )
    is_binary = draw.number(4) == 3
    payload = hostile_json(draw, [QUOTE, BOOK])
    if not is_binary:
        payload = payload.decode("utf-8", "replace").encode()
    said = presenter.present(payload, is_binary, 1_795_000_001 * 10**9)
    if presenter.is_terminal and not presenter.has_color:
        assert not any(octet < 32 and octet not in b"\n\t" for octet in said), said


def seeds() -> Iterable[bytes]:
    """Good files as they are and spoilt, records, typed lines, messages to show."""
    for kind in range(4):
        for change in range(0, 90, 3):
            yield bytes((0, 0, kind, 1, change // 3, 0, change, 0, 0))
    for toml in (0, 1):
        yield bytes((1, toml, 0))
        for place in range(0, 70, 5):
            yield bytes((1, toml, 1, place, 3)) + b'"\n[' + bytes((place % 3,))
    yield b"\x01\x01\x01\x28\x20" + b"[" * 32 + b"\x00"
    yield bytes((2, 0))
    for coding in (0, 1, 2):
        yield bytes((3, coding, 0, 0, 0, 0, 0)) + b'{"a":\n1}'
    for change in range(0, 90, 3):
        yield bytes((4, 1, 1, 0, 0, 0, 0, 0, 1, 1 + change // 6, 0, change, 0, 0))
    yield b"\x05" + zlib.compress(bytes(100_000))[2:-4]
