"""Tests of a user's own program, against simulators and scripts."""

from typing import assert_type

from wsexample import errors
from wsexample.brokers.alpaca.simulator import AlpacaSimulator
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.errors import ConnectionClosed, HandshakeError, WsExampleError


async def main() -> None:
    async with KabuSimulator(ticks_per_s=20, switches=Switches(first_board_delay_ms=0)) as kabu:
        assert_type(kabu.port, int)
    async with AlpacaSimulator() as alpaca:
        assert_type(alpaca.url, str)
    async with WeexSimulator(step_s=0.01) as weex:
        assert_type(weex.public_url, str)


def told(error: WsExampleError) -> int | None:
    if isinstance(error, ConnectionClosed):
        assert_type(error.code, int)
        return error.code
    if isinstance(error, HandshakeError):
        assert_type(error.status, int | None)
    if isinstance(error, errors.RateLimitError):
        assert_type(error.wait_s, float)
    return None
