"""Fixtures of the suite that runs against a real Saleor. README.md says how to run it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.saleor.driver import Driver
from tests.saleor.layer import layer_build
from tests.saleor.machine import Postgres, redis_running
from tests.saleor.named import checkout_named, postgres_named
from tests.saleor.shop import STAFF_EMAIL, Checkout, Shop, cache_folder
from tests.saleor.studio import Studio

HOW = (
    "SALEOR_HOME names no Saleor. Run it with: SALEOR_HOME=<a Saleor checkout> "
    "SALEOR_PYTHON=<a Python 3.12 with its dependencies> pytest tests/saleor "
    "(tests/saleor/README.md)"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    given = os.environ.get("SALEOR_HOME")
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.saleor)
            if not given:
                item.add_marker(pytest.mark.skip(reason=HOW))


@pytest.fixture(scope="session")
def checkout() -> Checkout:
    return checkout_named()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_named() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_running(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layer_build(tmp_path_factory.mktemp("layer"))


@pytest.fixture(scope="session")
def saleor_template(checkout: Checkout, postgres: Postgres) -> str:
    """A database of this Saleor, migrated and empty."""
    return checkout.database_template(postgres, cache_folder())


@pytest.fixture(scope="session")
def shop(
    checkout: Checkout,
    postgres: Postgres,
    redis_url: str,
    layer: Path,
    saleor_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    """A running Saleor with our wheel installed and its tables migrated."""
    database = f"suite_shop_{uuid.uuid4().hex[:8]}"
    postgres.create(database, template=saleor_template)
    folder = tmp_path_factory.mktemp("saleor")
    saleor = Shop(checkout, postgres, redis_url, folder, layer, database)
    saleor.prepare()
    try:
        saleor.start()
        yield saleor
    finally:
        saleor.stop()


@pytest.fixture(scope="session")
def driver(shop: Shop) -> Driver:
    """The people at the shop, its goods on the shelf."""
    people = Driver(shop.api_url, STAFF_EMAIL, shop.password)
    people.open_shop()
    return people


@pytest.fixture(scope="session")
def studio_template(
    postgres: Postgres, shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A database of a Studio that was started once, or "" when the suite tries SQLite."""
    if os.environ.get("SALEOR_STUDIO_DATABASE") == "sqlite":
        return ""
    name = f"suite_studio_template_{uuid.uuid4().hex[:8]}"
    url = postgres.create(name)
    studio = Studio(tmp_path_factory.mktemp("studio-template"), shop.api_url, url)
    try:
        studio.start()
    finally:
        studio.close()
    return name


@pytest.fixture(scope="session")
def studio_make(
    postgres: Postgres,
    shop: Shop,
    studio_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Studio]:
    """Return a function that makes a running Studio for this shop, its own database empty."""

    def make(word: str) -> Studio:
        url = ""
        if studio_template:
            database = f"suite_studio_{uuid.uuid4().hex[:8]}"
            url = postgres.create(database, template=studio_template)
        studio = Studio(tmp_path_factory.mktemp(word), shop.api_url, url)
        try:
            studio.start()
        except BaseException:
            studio.close()
            raise
        return studio

    return make
