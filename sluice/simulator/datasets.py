"""The four datasets: how a thing of each is made, and how it changes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final, Protocol, TypeVar

from sluice.simulator import words
from sluice.simulator.record import Tree
from sluice.simulator.world import Key, World

_CENT: Final = Decimal("0.01")
_T = TypeVar("_T")


class Simulated(Protocol):
    """What the simulator knows of one dataset."""

    def make(self, world: World, key: Key, rng: Random) -> Tree:
        """A thing as it first appears."""
        ...

    def change(self, tree: Tree, at: datetime, rng: Random) -> Tree:
        """Another version of a thing.

        Args:
            tree: The thing as it first appeared.
            at: When the version was made.
            rng: Source of what changes.
        """
        ...

    def moment(self, tree: Tree) -> datetime:
        """When a version was made."""
        ...


class _Versioned:
    """Things that say when they were made."""

    def moment(self, tree: Tree) -> datetime:
        """When a version was made."""
        at = tree["updated_at"]
        if not isinstance(at, datetime):
            raise TypeError(f"updated_at is {at!r}")
        return at


class Customers(_Versioned):
    """Customers, who move house and change segment."""

    def make(self, world: World, key: Key, rng: Random) -> Tree:
        """A thing as it first appears."""
        at = world.moment(rng, key.partition)
        tree: Tree = {
            "customer_id": f"CUST-{key.digits}",
            "first_name": _maybe(rng, rng.choice(words.FIRST_NAMES)),
            "last_name": rng.choice(words.LAST_NAMES),
            "email": _maybe(rng, f"kunde.{key.digits}@{rng.choice(words.MAIL_HOSTS)}"),
            "registration_date": (at - timedelta(days=rng.randrange(3000))).date(),
        }
        return self.change(tree, at, rng)

    def change(self, tree: Tree, at: datetime, rng: Random) -> Tree:
        """Another version of a thing."""
        city, state, country, zip_code = rng.choice(words.CITIES)
        return tree | {
            "phone": _maybe(rng, f"+{rng.randint(1, 99)} {rng.randint(100, 999)} {rng.randint(1000, 99999)}"),
            "address": _maybe(rng, rng.choice(words.STREETS).format(n=rng.randint(1, 199))),
            "city": city,
            "state": state,
            "zip_code": zip_code,
            "country": country,
            "customer_segment": rng.choice(words.SEGMENTS),
            "updated_at": at,
        }


class Products(_Versioned):
    """Products, whose price and stock change."""

    def make(self, world: World, key: Key, rng: Random) -> Tree:
        """A thing as it first appears."""
        category, sub_categories = rng.choice(words.CATEGORIES)
        tree: Tree = {
            "@id": f"PROD-{key.digits}",
            "@brand": rng.choice(words.BRANDS),
            "name": rng.choice(words.PRODUCT_NAMES).format(n=rng.randint(1, 999)),
            "classification": {"category": category, "sub_category": rng.choice(sub_categories)},
        }
        return self.change(tree, world.moment(rng, key.partition), rng)

    def change(self, tree: Tree, at: datetime, rng: Random) -> Tree:
        """Another version of a thing."""
        price = _money(rng, 1, 200_000)
        cost = (price * rng.randint(40, 90) / 100).quantize(_CENT)
        return tree | {
            "pricing": {"unit_price": price, "cost": _maybe(rng, cost)},
            "stock": {
                "@supplier": _maybe(rng, f"SUP-{rng.randint(1, 99):03}"),
                "quantity": rng.choice((0, rng.randint(1, 5000))),
            },
            "updated_at": at,
        }


class Orders(_Versioned):
    """Orders with their items, which are shipped, returned and changed."""

    def make(self, world: World, key: Key, rng: Random) -> Tree:
        """A thing as it first appears."""
        at = world.moment(rng, key.partition)
        lines = [self._line(world, key, number, rng) for number in range(1, rng.choice((1, 1, 2, 3, 5)) + 1)]
        tree: Tree = {
            "order_id": f"ORD-{key.digits}",
            "customer": {"id": f"CUST-{world.known_key(rng, key.partition).digits}"},
            "order_date": at.date(),
            "items": [] if rng.random() < 0.03 else lines,
        }
        return self.change(tree, at, rng)

    def change(self, tree: Tree, at: datetime, rng: Random) -> Tree:
        """Another version of a thing."""
        items = tree["items"]
        lines = [line | {"quantity": rng.randint(1, 12)} for line in items] if isinstance(items, list) else []
        if len(lines) > 1 and rng.random() < 0.1:
            del lines[-1]  # A version without a line: the line itself stays as it last was.
        net = sum((_decimal(line["unit_price"]) * int(str(line["quantity"])) for line in lines), Decimal(0))
        discount = Decimal(rng.choice((0, 0, 500, 1250, 3333))).scaleb(-4)
        total = (net * (1 - discount)).quantize(_CENT)
        status = rng.choice(words.ORDER_STATUSES)
        return tree | {
            "ship_date": None if status in ("placed", "cancelled") else at.date() + timedelta(days=rng.randint(0, 9)),
            "ship_mode": _maybe(rng, rng.choice(words.SHIP_MODES)),
            "total_amount": total,
            "discount": discount,
            "tax": _maybe(rng, (total * 19 / 100).quantize(_CENT)),
            "profit": _maybe(rng, (total * rng.randint(-20, 30) / 100).quantize(_CENT)),
            "order_status": status,
            "updated_at": at,
            "items": list(lines),
        }

    @staticmethod
    def _line(world: World, key: Key, number: int, rng: Random) -> Tree:
        return {
            "line_number": number,
            "product_id": f"PROD-{world.known_key(rng, key.partition).digits}",
            "quantity": 1,
            "unit_price": _money(rng, 1, 200_000),
        }


class Transactions(_Versioned):
    """Payments of order lines, which are corrected."""

    def make(self, world: World, key: Key, rng: Random) -> Tree:
        """A thing as it first appears."""
        at = world.moment(rng, key.partition)
        tree: Tree = {
            "transaction_id": int(key.digits),
            "order_id": f"ORD-{world.known_key(rng, key.partition).digits}",
            "product_id": f"PROD-{world.known_key(rng, key.partition).digits}",
            "transaction_date": at.replace(microsecond=0),
        }
        return self.change(tree, at, rng)

    def change(self, tree: Tree, at: datetime, rng: Random) -> Tree:
        """Another version of a thing."""
        return tree | {
            "quantity": rng.randint(1, 20),
            "unit_price": _money(rng, 1, 200_000),
            "discount_percent": Decimal(rng.choice((0, 0, 250, 1000, 10_000))).scaleb(-2),
            "payment_method": _maybe(rng, rng.choice(words.PAYMENT_METHODS)),
            "updated_at": at,
        }


_SIMULATED: Final[Mapping[str, Simulated]] = {
    "customers": Customers(),
    "products": Products(),
    "orders": Orders(),
    "transactions": Transactions(),
}


def known(dataset: str) -> Simulated | None:
    """What the simulator knows of a dataset by its name; None when it knows nothing."""
    return _SIMULATED.get(dataset)


def _maybe(rng: Random, value: _T) -> _T | None:
    return None if rng.random() < 0.08 else value


def _money(rng: Random, low_cents: int, high_cents: int) -> Decimal:
    return Decimal(rng.randint(low_cents, high_cents)).scaleb(-2)


def _decimal(value: object) -> Decimal:
    return Decimal(str(value))
