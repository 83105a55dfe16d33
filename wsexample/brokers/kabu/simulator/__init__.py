"""A kabu Station to program against: REST, push and a market that moves like a real one, on one local port.

`KabuSimulator` joins the parts. Pure, with time as an argument: ``ticks`` (rules of the exchange), ``catalogue`` (what is
listed), ``book``, ``flow``, ``listing``, ``pricing``, ``beliefs``, ``past`` and ``market`` (what happens), ``image`` (the
board as the vendor shows it), ``station``, ``desk``, ``reads``, ``rankings`` (what kabu Station remembers and answers),
``lifecycle``, ``floor``, ``ledger``, ``trading`` (the account), ``core`` (all of these), ``thinning``. With sockets and
clocks: ``http``, ``push``, ``feed``, ``shell``.
"""

from __future__ import annotations

from wsexample.brokers.kabu.simulator.catalogue import Instrument, Kind, catalogue
from wsexample.brokers.kabu.simulator.ledger import AccountPlan
from wsexample.brokers.kabu.simulator.market import Change, Market
from wsexample.brokers.kabu.simulator.shell import KabuSimulator, run_simulator
from wsexample.brokers.kabu.simulator.stats import Stats
from wsexample.brokers.kabu.simulator.switches import Switches

__all__ = [
    "AccountPlan",
    "Change",
    "Instrument",
    "KabuSimulator",
    "Kind",
    "Market",
    "Stats",
    "Switches",
    "catalogue",
    "run_simulator",
]
