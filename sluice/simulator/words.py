"""Words that values are made of, chosen to be awkward: other alphabets, quotes, separators, line breaks."""

from typing import Final

FIRST_NAMES: Final = (
    "Anna", "Łukasz", "José", "Zoë", "Ngọc", "Björn", "Aoife", "O'Neil", "Мария", "小明", "Mary Ann", "Jean-Luc",
    "Ayşe", "Þóra", "Ольга", "さくら", "محمد", "Renée", "Ivan", "Chloé",
)  # fmt: skip
LAST_NAMES: Final = (
    "Müller", "Nowak", "García", "Smith, Jr.", "O'Brien", "van den Berg", "Иванова", "王", "Nguyễn", "D\"Angelo",
    "Åkesson", "Jones", "Šimić", "Öztürk", "da Silva", "Kovács", "佐藤", "Brown", "Null", "Lindqvist",
)  # fmt: skip
CITIES: Final = (
    ("Köln", "NW", "DE", "50667"), ("Łódź", "LD", "PL", "90-001"), ("São Paulo", "SP", "BR", "01001-000"),
    ("Zürich", "ZH", "CH", "8001"), ("Springfield", "IL", "US", "62701"), ("Québec", "QC", "CA", "G1R 4P5"),
    ("København", None, "DK", "1050"), ("東京", "13", "JP", "100-0001"), ("Αθήνα", None, "GR", "105 57"),
    ("Saint-Étienne", "ARA", "FR", "42000"),
)  # fmt: skip
STREETS: Final = (
    "Hauptstraße {n}", "{n} Main St, Apt #{n}", "Zum \"Goldenen Löwen\" {n}", "ul. Świętego Jana {n}\nII piętro",
    "#{n} Harbour; Dock B", "Rua d'Água {n}, 2\u00ba andar", "Lager \\ Tor {n}", "C:\\{n}\\\"Nord\"",
    "Näsbyvägen {n},\n\n4 tr",
    "'{n} Quoted Lane'",
)  # fmt: skip
SEGMENTS: Final = ("consumer", "corporate", "home office", "unknown")
MAIL_HOSTS: Final = ("example.com", "example.org", "mail.example.net")

SHIP_MODES: Final = ("Standard", "Express", "Same Day", "Pickup")
ORDER_STATUSES: Final = ("placed", "shipped", "delivered", "returned", "cancelled")
PAYMENT_METHODS: Final = ("card", "cash", "transfer", "voucher")

PRODUCT_NAMES: Final = (
    "Chair \"Ergo\" {n}", "Desk <large> & drawer {n}", "Lampe d'été n\u00ba {n}", "Füller {n}", "Tee 茶 {n}",
    "A & B <C> \"D\" 'E' {n}",
    "Staple; gun, {n}", "100% cotton cloth {n}", "Кабель {n} м", "Shelf {n} ]]> corner",
)  # fmt: skip
CATEGORIES: Final = (
    ("Furniture", ("Chairs", "Tables & desks", "Lamps", None)),
    ("Office <supplies>", ("Paper", "Pens", "Binders \"A4\"")),
    ("Technologie", ("Câbles", "Phones", None)),
)  # fmt: skip
BRANDS: Final = ("Acme", "Sharp > Soft", "Brüder & Söhne", '"Quote" Works', "Ünal <TR>", None)
