"""Ways to break the contract. Each makes its record one that must be quarantined whole, over all its tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sluice.simulator.record import Tree, replaced

_ABSENT: Final = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break a record.

    Attributes:
        name: What is wrong, for people.
        path: Which value is replaced; empty when the text of the record is broken instead.
        value: What it is replaced by; None is null.
        element_of: Array in whose last element the value stands; empty for the record itself.
        break_text: Changes the text of the record.
        is_readable: Whether the parts of the record can still be told apart.
    """

    name: str
    path: str = ""
    value: str | int | None = _ABSENT
    element_of: str = ""
    break_text: Callable[[str], str] | None = None
    is_readable: bool = True

    def on_values(self, written: Tree) -> Tree:
        """The record with its bad value."""
        if not self.path:
            return written
        if not self.element_of:
            return replaced(written, self.path, self.value)
        elements = written.get(self.element_of)
        found = elements if isinstance(elements, list) else []
        return written | {self.element_of: [*found[:-1], replaced(found[-1] if found else {}, self.path, self.value)]}

    def on_text(self, text: str) -> str:
        """The text with what is wrong in it."""
        return text if self.break_text is None else self.break_text(text)


def _first_half(text: str) -> str:
    return text[: len(text) // 2]


def _not_an_object(_: str) -> str:
    return "this line is not JSON"


def _without_last_field(delimiter: str) -> Callable[[str], str]:
    return lambda text: text.rpartition(delimiter)[0]


def _with_fields(delimiter: str) -> Callable[[str], str]:
    return lambda text: f"{text}{delimiter}surplus{delimiter}fields"


def csv_faults(delimiter: str) -> tuple[Fault, ...]:
    """Faults of a line of delimited text; its last field must not contain the delimiter."""
    return (
        Fault("too few fields", break_text=_without_last_field(delimiter), is_readable=False),
        Fault("too many fields", break_text=_with_fields(delimiter), is_readable=False),
    )


JSON_FAULTS: Final = (
    Fault("line cut off", break_text=_first_half, is_readable=False),
    Fault("line is not JSON", break_text=_not_an_object, is_readable=False),
)

VALUE_FAULTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "customers": (
        Fault("null in the key", "customer_id", ""),
        Fault("key does not match its pattern", "customer_id", "CUST-12"),
        Fault("e-mail without an @", "email", "nobody at example"),
        Fault("required value is null", "country", "N/A"),
        Fault("text too long for char", "country", "DEU"),
        Fault("text too long in bytes, not in characters", "first_name", "ü" * 33),
        Fault("date that does not exist", "registration_date", "2026-02-30"),
        Fault("value that is not allowed", "customer_segment", "vip"),
        Fault("no timestamp", "updated_at", "yesterday"),
        Fault("null in the order", "updated_at", "NULL"),
    ),
    "products": (
        Fault("null in the key", "@id"),
        Fault("key does not match its pattern", "@id", "SKU 7"),
        Fault("no number", "pricing.unit_price", "12.3O"),
        Fault("number below the minimum", "pricing.unit_price", "-0.01"),
        Fault("number beyond the type", "stock.quantity", "2147483648"),
        Fault("fraction in an integer", "stock.quantity", "3.5"),
        Fault("required value is null", "classification.category"),
        Fault("text too long", "name", "n" * 201),
        Fault("timestamp that does not exist", "updated_at", "2026-11-31T10:00:00"),
    ),
    "orders": (
        Fault("null in the key", "order_id"),
        Fault("no number", "total_amount", "12,50"),
        Fault("number beyond the type", "total_amount", "12345678901.00"),
        Fault("number below the minimum", "total_amount", -1),
        Fault("date that does not exist", "order_date", "2026-13-01"),
        Fault("value that is not allowed", "order_status", "lost"),
        Fault("required value is null", "customer.id"),
        Fault("text too long", "customer.id", "CUST-" + "9" * 16),
        Fault("no number in an item", "quantity", "two", element_of="items"),
        Fault("null in the key of an item", "line_number", element_of="items"),
        Fault("number below the minimum in an item", "quantity", 0, element_of="items"),
        Fault("required value of an item is null", "product_id", element_of="items"),
    ),
    "transactions": (
        Fault("no number in the key", "transaction_id", "12x"),
        Fault("null in the key", "transaction_id", ""),
        Fault("key below the minimum", "transaction_id", "0"),
        Fault("required value is null", "order_id", ""),
        Fault("number below the minimum", "quantity", "0"),
        Fault("fraction in an integer", "quantity", "1.5"),
        Fault("number beyond the type", "unit_price", "99999999999.99"),
        Fault("number above the maximum", "discount_percent", "100.01"),
        Fault("date that does not exist", "transaction_date", "31.02.2026 10:00:00"),
        Fault("date in another format", "transaction_date", "2026-11-20T10:00:00"),
        Fault("value that is not allowed", "payment_method", "shells"),
    ),
}
