"""`KeptStream`: the JetStream stream of a group, as every hub of it sees it: found or made at the start, then read by place.

What its messages say is `wsexample.hub.nats_messages`; who writes them is `wsexample.hub.nats_owner`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import msgspec

from wsexample.hub.nats_client import failures, need
from wsexample.hub.nats_faults import without_jetstream
from wsexample.hub.nats_link import NatsLink
from wsexample.hub.nats_options import NatsOptions

__all__ = ["KeptStream"]

DUPLICATE_WINDOW_S = 120
NO_CLUSTER = 10074
"""NATS server, error code of "replicas > 1 not supported in non-clustered mode"."""
NOT_ENABLED = (10039, 10076)
"""NATS server, error codes of "JetStream not enabled", for an account and at all."""
TIMEOUT_S = 2.0
ASK_EVERY_S = 0.1
REPLICA_TIMEOUT_S = 0.5
"""How long any replica may take to answer before the leader is asked."""
LEADER_ONLY_S = 30.0
"""How long the leader alone is asked after a replica did not answer: one that is cut off without a word gets its share of what
is asked until the servers notice."""


class KeptStream:
    """The stream of a group.

    Parameters:
        link: to the servers.
        options: of the group.
        subject: what is kept in it.
    """

    def __init__(self, link: NatsLink, options: NatsOptions, subject: str) -> None:
        self.name = f"WSXHUB_{options.lease}"
        self.epoch = ""
        """Made of its name and birth, so it is the same for all hubs and over their restarts."""
        self._link = link
        self._options = options
        self._subject = subject
        self._leader_until_s = 0.0

    @property
    def jetstream(self) -> Any:
        """What the client asks JetStream with, on the connection that there is."""
        return self._link.jetstream(TIMEOUT_S)

    async def open(self) -> Any:
        """Find the stream, or make it where there is none; returns what it holds.

        Raises:
            StorageError: nothing can be kept on these servers.
            PlanError: the user may not ask for it.
        """
        return (await self.persist(self._found)).state

    async def persist(self, ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Ask until an answer comes; a cluster that chooses a leader gives none for some seconds.

        Raises:
            StorageError: nothing can be kept on these servers.
            PlanError: the user may not ask.
        """
        errors, answers = need("nats.errors"), need("nats.js.errors")
        passing = (errors.TimeoutError, errors.NoRespondersError, answers.ServerError, answers.ServiceUnavailableError)
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + self._options.timeout_s
        while True:
            try:
                return await ask()
            except passing as error:
                if self._link.denied is not None:
                    raise self._link.denied from error
                code = getattr(error, "err_code", None)
                is_deaf = isinstance(error, errors.NoRespondersError | answers.ServiceUnavailableError) and code is None
                is_late = loop.time() > ends_s
                if code in NOT_ENABLED or (is_deaf and (is_late or not self._link.is_clustered)):
                    raise without_jetstream(str(self._link.servers)) from error
                if is_late or code == NO_CLUSTER:
                    raise
                await asyncio.sleep(ASK_EVERY_S)

    async def _found(self) -> Any:
        api, errors = need("nats.js.api"), need("nats.js.errors")
        config = api.StreamConfig(
            name=self.name,
            subjects=[self._subject],
            storage=api.StorageType.FILE,
            num_replicas=self._options.replicas,
            max_msgs=self._options.kept_messages,
            discard=api.DiscardPolicy.OLD,
            duplicate_window=DUPLICATE_WINDOW_S,
            allow_direct=True,
        )
        try:
            info = await self.jetstream.stream_info(self.name)
        except errors.NotFoundError:
            with suppress(errors.BadRequestError):  # another hub has made it in this moment
                await self.jetstream.add_stream(config)
            info = await self.jetstream.stream_info(self.name)
        self.epoch = hashlib.sha256(f"{self.name} {await self._made()}".encode()).hexdigest()[:16]
        return info

    async def _made(self) -> str:
        """Return when the stream was made in the server's words: nats-py before 2.15 leaves them out, later ones round."""
        answer = await self._link.client.request(f"$JS.API.STREAM.INFO.{self.name}", timeout=TIMEOUT_S)
        found = msgspec.json.decode(answer.data)
        if "error" in found:
            need("nats.js.errors").APIError.from_error(found["error"])
        return str(found["created"])

    async def last_place(self) -> int | None:
        """Return the place of the newest message, 0 when there was none; None when nobody answers."""
        state = await self._state()
        return None if state is None else int(state.last_seq)

    async def first_place(self) -> int | None:
        """Return the place of the oldest message that is kept; None when nobody answers."""
        state = await self._state()
        return None if state is None else int(state.first_seq)

    async def _state(self) -> Any:
        try:
            return (await self.jetstream.stream_info(self.name)).state
        except failures():  # the servers are choosing a leader
            return None

    async def message_at(self, place: int, *, at_once: bool = True) -> Any:
        """Return a message; None where there is none, or nobody answers.

        Parameters:
            place: its number in the stream.
            at_once: ask any replica, which may not have it yet, as long as they answer; False asks the leader.
        """
        loop = asyncio.get_running_loop()
        if at_once and loop.time() >= self._leader_until_s:
            try:
                return await self._link.jetstream(REPLICA_TIMEOUT_S).get_msg(self.name, seq=place, direct=True)
            except TimeoutError:
                self._leader_until_s = loop.time() + LEADER_ONLY_S
            except failures():  # not there: whoever waits for it asks again
                return None
        try:
            return await self.jetstream.get_msg(self.name, seq=place, direct=False)
        except failures():  # not there, or the servers are choosing a leader: whoever waits for it asks again
            return None
