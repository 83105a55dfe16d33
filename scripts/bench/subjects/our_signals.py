"""Our indicators, one price at a time."""

from __future__ import annotations

import random
from typing import Any

from bench.job import Job


def prices_taken(job: Job) -> None:
    from wsexample.paper.signals import EMA, SMA, BollingerBands, Crossover, ZScore

    make: dict[str, Any] = {
        "sma": lambda: SMA(50),
        "ema": lambda: EMA(50),
        "crossover": lambda: Crossover(SMA(10), SMA(50)),
        "bands": lambda: BollingerBands(20),
        "zscore": lambda: ZScore(20),
    }
    update = make[job.variant]().update
    draw = random.Random(3)
    price, prices = 100.0, []
    for _ in range(5000):
        price += draw.gauss(0, 0.05)
        prices.append(price)
    meter = job.meter
    while meter.add(len(prices)):
        for price in prices:
            update(price)
