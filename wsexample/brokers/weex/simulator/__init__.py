"""A WEEX of your own: V3 sockets and REST on one loopback port, with faults on command.

``market`` invents prices and books, ``desk`` keeps an account, ``shell`` is what listens. All three know no client.
"""

from __future__ import annotations

from wsexample.brokers.weex.simulator.desk import Desk
from wsexample.brokers.weex.simulator.market import Market
from wsexample.brokers.weex.simulator.shell import WeexSimulator

__all__ = ["Desk", "Market", "WeexSimulator"]
