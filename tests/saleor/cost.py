"""What the plugin costs a shopper: ``python -m tests.saleor.cost``, on a quiet machine.

Times ``checkoutLinesAdd`` and ``checkoutComplete`` over HTTP, with the plugin capturing against a
Saleor it is not installed in. Prints; writes nothing and asserts no time.

How it is made fair:

- Four API processes serve one database, two with our wheel on their path and two without, so a
  lucky process does not decide. They run the same code and settings otherwise. Switching one
  process with ``pluginUpdate`` would leave the plugin's signals and imports on the side called
  "off", and its form's work in the pauses.
- Each pair takes two baskets made alike, one for either side, one right after the other, in an
  order drawn anew; so a slow moment of the machine meets both. What is compared is the ratio within
  a pair.
- No Celery worker runs meanwhile, and the App's webhooks are off on both sides: only what a
  shopper waits for is timed.
- The same is measured between the two processes without the plugin: how far that is from 1 is
  what the method itself may be wrong by.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.saleor import ways
from tests.saleor.driver import Driver, new_address
from tests.saleor.layer import layer_build
from tests.saleor.machine import Postgres, redis_running
from tests.saleor.named import checkout_named, postgres_named
from tests.saleor.shop import STAFF_EMAIL, Shop, cache_folder
from tests.saleor.studio import Studio

OUTBOX = "saleor_automation_plugin_outbox"
RESAMPLES = 5000


@dataclass(frozen=True)
class Side:
    """One API process, and the shoppers who use it."""

    name: str
    shop: Shop
    driver: Driver


Timed = Callable[[Driver], float]


def lines_add(driver: Driver) -> float:
    """Return the seconds one more line takes."""
    basket = driver.basket(email=new_address("cost"))
    return _seconds(lambda: driver.lines_add(basket))


def complete(driver: Driver) -> float:
    """Return the seconds buying takes."""
    basket = driver.basket(email=new_address("cost"))
    driver.address(basket)
    return _seconds(lambda: driver.complete(basket))


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def pairs(
    timed: Timed, ones: Sequence[Side], others: Sequence[Side], count: int, chance: random.Random
) -> list[tuple[float, float]]:
    """Time ``count`` pairs, (one, other), every process meeting every one of the other side."""
    found = []
    for number in range(count):
        one = ones[number % len(ones)]
        other = others[number // len(ones) % len(others)]
        if chance.random() < 0.5:
            first = timed(one.driver)
            found.append((first, timed(other.driver)))
        else:
            first = timed(other.driver)
            found.append((timed(one.driver), first))
    return found


def interval(
    found: Sequence[tuple[float, float]],
    figure: Callable[[Sequence[tuple[float, float]]], float],
    chance: random.Random,
) -> tuple[float, float, float]:
    """Return a figure and its 95 % interval: percentiles of resampled pairs."""
    drawn = sorted(
        figure([found[chance.randrange(len(found))] for _ in found]) for _ in range(RESAMPLES)
    )
    return figure(found), drawn[int(RESAMPLES * 0.025)], drawn[int(RESAMPLES * 0.975)]


def median_ratio(found: Sequence[tuple[float, float]]) -> float:
    """Return the median of the ratios within pairs."""
    return statistics.median(one / other for one, other in found)


def ratio_of_medians(found: Sequence[tuple[float, float]]) -> float:
    return statistics.median(one for one, _ in found) / statistics.median(o for _, o in found)


def report(name: str, found: Sequence[tuple[float, float]], chance: random.Random) -> None:
    """Print one comparison."""
    one = statistics.median(first for first, _ in found) * 1000
    other = statistics.median(second for _, second in found) * 1000
    ratio, low, high = interval(found, median_ratio, chance)
    whole, whole_low, whole_high = interval(found, ratio_of_medians, chance)
    print(
        f"{name}: {len(found)} pairs, medians {one:.1f} and {other:.1f} ms\n"
        f"  median of ratios {ratio:.3f} (95 % {low:.3f} to {high:.3f}), "
        f"ratio of medians {whole:.3f} (95 % {whole_low:.3f} to {whole_high:.3f})",
        flush=True,
    )


@contextlib.contextmanager
def sides_running(folder: Path, postgres: Postgres) -> Iterator[tuple[list[Side], list[Side]]]:
    """Run two processes with the plugin, connected and capturing, and two without it."""
    checkout = checkout_named()
    layer = layer_build(folder / "build")
    template = checkout.database_template(postgres, cache_folder())
    database = f"suite_cost_{uuid.uuid4().hex[:8]}"
    postgres.create(database, template=template)
    (folder / "redis").mkdir()
    with contextlib.ExitStack() as stack:
        redis_url = stack.enter_context(redis_running(folder / "redis"))

        def saleor(name: str, path: Path | None) -> Shop:
            shop = Shop(checkout, postgres, redis_url, folder / name, path, database)
            stack.callback(shop.stop)
            # Its own settings, without the suite's fault points.
            shop.environ["DJANGO_SETTINGS_MODULE"] = "saleor.settings"
            return shop

        first = saleor("on-1", layer)
        first.prepare()
        first.start()
        people = Driver(first.api_url, STAFF_EMAIL, first.password)
        people.open_shop()
        studio = Studio(folder / "studio", first.api_url)
        try:
            studio.start()
            ways.connect(ways.PLUGIN, people, studio)
        finally:
            studio.close()
        first.stop("worker")
        shops = [first, saleor("on-2", layer), saleor("off-1", None), saleor("off-2", None)]
        for shop in shops[1:]:
            shop.same_keys(first)
            shop.start("api")
        sides = [Side(shop.folder.name, shop, people.at(shop.api_url)) for shop in shops]
        yield sides[:2], sides[2:]


def waiting(postgres: Postgres, database: str) -> int:
    """Return how many rows wait in the outbox."""
    with psycopg.connect(postgres.url(database)) as connection:
        row = connection.execute(f"SELECT count(*) FROM {OUTBOX}").fetchone()
    assert row is not None
    return int(row[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=200, help="pairs per mutation (default 200)")
    parser.add_argument("--warm", type=int, default=20, help="untimed pairs first (default 20)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="saleor-cost-"))
    try:
        with postgres_named() as postgres, sides_running(folder, postgres) as (on, off):
            checkout = checkout_named()
            database = on[0].shop.database
            print(f"Saleor {on[0].driver.version} at {checkout.commit[:12]}", flush=True)
            for name, timed in (("checkoutLinesAdd", lines_add), ("checkoutComplete", complete)):
                pairs(timed, on, off, options.warm, chance)
                before = waiting(postgres, database)
                found = pairs(timed, on, off, options.pairs, chance)
                rows = waiting(postgres, database) - before
                report(f"{name}, plugin on against not installed", found, chance)
                print(f"  {rows / options.pairs:.1f} rows in the outbox per pair")
                control = pairs(timed, off[:1], off[1:], options.pairs // 2, chance)
                report(f"{name}, control: two processes without it", control, chance)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
