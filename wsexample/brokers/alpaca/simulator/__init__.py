"""An Alpaca to program against: both streams and REST beside them on one local port, with a small exchange behind.

`AlpacaSimulator` joins the parts. Pure, with time as an argument: ``ids``, ``assets``, ``listing``, ``bars`` and ``market``
(what the streams tell), ``orders``, ``order_making``, ``checks``, ``accounts``, ``exchange``, ``flow`` and
``interventions`` (what happens to orders), ``desk`` and ``data_desk`` (what REST answers), ``encoding``, ``doors``,
``slots``, ``update_faults``. With sockets: ``data_socket``, ``trading_socket``, ``streams``, ``event_stream``, ``http``,
``shell``.
"""

from __future__ import annotations

from wsexample.brokers.alpaca.simulator.market import Market, Point
from wsexample.brokers.alpaca.simulator.shell import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator
from wsexample.brokers.alpaca.simulator.stats import Stats
from wsexample.brokers.alpaca.simulator.switches import Switches

__all__ = ["DEFAULT_KEY", "DEFAULT_SECRET", "AlpacaSimulator", "Market", "Point", "Stats", "Switches"]
