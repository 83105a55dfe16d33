"""A WEEX of your own: V3 sockets and REST on one loopback port, with faults on command.

``market`` invents prices and books, ``orders`` lets orders live on the desks ``desk`` (contract) and ``spot_desk``, ``gate``
judges who comes in, ``http`` answers calls, ``faults`` breaks things, ``shell`` is what listens. None knows a client.
"""

from __future__ import annotations

from wsexample.brokers.weex.simulator.desk import Desk
from wsexample.brokers.weex.simulator.market import Market
from wsexample.brokers.weex.simulator.shell import WeexSimulator
from wsexample.brokers.weex.simulator.spot_desk import SpotDesk
from wsexample.brokers.weex.simulator.switches import Switches

__all__ = ["Desk", "Market", "SpotDesk", "Switches", "WeexSimulator"]
