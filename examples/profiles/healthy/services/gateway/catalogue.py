"""Products and customers of the demo shop."""

from typing import NamedTuple


class Customer(NamedTuple):
    """Who orders, and where the parcel goes."""

    customer_id: str
    email: str
    postcode: str


PRODUCTS: tuple[tuple[str, str], ...] = (
    ("MUG-BLUE", "8.50"),
    ("MUG-RED", "8.50"),
    ("TEA-GREEN", "12.90"),
    ("TEA-BLACK", "11.40"),
    ("POT-IRON", "64.00"),
    ("POT-GLASS", "39.95"),
    ("WHISK-BAMBOO", "19.20"),
    ("TRAY-OAK", "45.10"),
)

TOWNS = ("LEEDS LS1", "YORK YO1", "BATH BA2", "OXFORD OX4", "DERBY DE3")

CUSTOMERS: tuple[Customer, ...] = tuple(
    Customer(f"cus-{number:04d}", f"customer{number}@mail.example", TOWNS[number % len(TOWNS)])
    for number in range(20)
)
