"""Contracts that are guessed from a first delivery hold for the year after it.

Five tables as an airport has them, with the traps of such data: a first month without a gap, whole numbers that turn
out to have decimals, constants, days and measures that look unique, codes of digits, and words for what is absent.
"""

import csv
import io
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sluice.contract import Contract
from sluice.infer.infer import Options, infer
from tests.unit.kernel_convert import convert

Row = tuple[Any, ...]
CARRIERS = {"UA": "United, Inc.", "AA": "American", "B6": "Blue", "9E": "Endeavor", "DL": "Delta", "FL": "Air Tran"}
ORIGINS = ("EWR", "LGA", "JFK")
PLACES = ("IAH", "MIA", "BQN", "ATL", "ORD", "FLL", "IAD", "HNL")


def hours(days: int) -> Iterator[datetime]:
    """Four hours of days that are spread over a year, the first ones in a row."""
    start = datetime(2013, 1, 1, tzinfo=UTC)
    for number in range(days):
        day = start + timedelta(days=number if number < 3 else 7 * number)
        yield from (day + timedelta(hours=hour) for hour in (5, 11, 17, 23))


def flights(chance: random.Random) -> Iterator[Row]:
    yield ("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "carrier", "flight",
           "tailnum", "origin", "dest", "air_time", "distance", "hour", "minute", "time_hour")  # fmt: skip
    for number, at in enumerate(hours(52)):
        for place, minute in enumerate(sorted(chance.sample(range(60), 12))):
            is_gone = number > 8 and chance.random() < 0.05
            delay = chance.choice([-5, -1, 0, 2, 33, 1301]) if number else place - 4
            departed = at + timedelta(minutes=minute + delay)
            yield (
                at.year, at.month, at.day,
                "NA" if is_gone else f"{departed.hour}{departed.minute:02}".lstrip("0") or "0",
                f"{at.hour}{minute:02}", "NA" if is_gone else delay, "NA" if is_gone else chance.randint(1, 2400),
                chance.choice(list(CARRIERS)), 1000 + place if number == 0 else chance.randint(1, 8500),
                "NA" if is_gone else f"N{chance.randint(100, 999)}{chance.choice('UAD')}{chance.choice('AB')}",
                chance.choice(ORIGINS), chance.choice(PLACES), "NA" if is_gone else chance.randint(20, 695),
                chance.choice([17, 200, 1400, 2475, 4983]), at.hour, minute, at.strftime("%Y-%m-%dT%H:00:00Z"),
            )  # fmt: skip


def weather(chance: random.Random) -> Iterator[Row]:
    yield ("origin", "year", "month", "day", "hour", "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust",
           "precip", "pressure", "visib", "time_hour")  # fmt: skip
    for number, at in enumerate(hours(52)):
        for origin in ORIGINS:
            is_first = number < 8
            temp = 39 if number < 2 else round(chance.uniform(10, 100), 2)
            gust = "NA" if is_first or chance.random() < 0.7 else round(chance.uniform(16, 66), 5)
            yield (
                origin, at.year, at.month, at.day, at.hour, temp if is_first else chance.choice([temp, temp, "NA"]),
                26.06, round(chance.uniform(12, 100), 2), chance.choice([270, 250, 0, 360] if is_first else [10, "NA"]),
                round(chance.uniform(0, 42), 5), gust, 0 if is_first else chance.choice([0, 0.01, 1.21]),
                1012 if number < 2 else chance.choice([1012.3, "NA", 983.8]),
                10 if is_first else chance.choice([10, 0.06]),
                at.strftime("%Y-%m-%d %H:00:00"),
            )  # fmt: skip


def airports(chance: random.Random) -> Iterator[Row]:
    yield ("faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone")
    for number in range(300):
        faa = f"{number:02}{'GAZ'[number % 3]}" if number < 40 else f"A{number:03}"
        altitude = chance.randint(10, 900) if number < 120 else chance.choice([-54, 9078, 0])
        zone = ("America/New_York", "America/Chicago", "NA")[0 if number < 90 else number % 3]
        yield (faa, f"Field {number}, {'North' if number % 2 else 'the one'}", round(chance.uniform(19, 72), 7),
               round(chance.uniform(-176, 174), 6), altitude, -5 if number < 90 else chance.choice([-10, 8, -6]),
               "A" if number < 150 else "NU"[number % 2], zone)  # fmt: skip


def planes(chance: random.Random) -> Iterator[Row]:
    yield ("tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "speed", "engine")
    for number in range(400):
        year = 1998 + number % 15 if number < 100 else chance.choice([1956, 2013, "NA"])
        model = chance.choice(["737-824", "A320-214", "717-200"] if number < 60 else ["150", "G1159B", "206B"])
        yield (f"N{10000 + number}", year, "Fixed wing multi engine", "BOEING" if number < 50 else "DOUGLAS, INC",
               model, 2 if number < 80 else chance.randint(1, 4), chance.choice([55, 178, 450]),
               "NA" if number < 200 else chance.choice([90, 432, "NA"]), "Turbo-fan")  # fmt: skip


def airlines(_: random.Random) -> Iterator[Row]:
    yield ("carrier", "name")
    yield from CARRIERS.items()


TABLES = {
    "flights": (flights, 49),
    "weather": (weather, 25),
    "airports": (airports, 61),
    "planes": (planes, 81),
    "airlines": (airlines, 4),
}


def as_csv(rows: list[Row]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode()


def guessed(rows: list[Row], path: Path) -> Contract:
    path.write_bytes(as_csv(rows))
    return infer(path.stem, [path], Options()).contract


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("share", ["first", "half"])
def test_a_contract_of_the_first_delivery_holds_for_the_year(name: str, share: str, tmp_path: Path) -> None:
    """No record is refused, and none is taken for another version of a different one."""
    make, first = TABLES[name]
    for seed in range(2):
        rows = list(make(random.Random(seed)))
        sample = rows[: first if share == "first" else len(rows) // 2 + 1]
        contract = guessed(sample, tmp_path / f"{name}.csv")
        found = convert(contract, as_csv(rows))
        assert (len(found.rows[name]), found.reasons) == (len(rows) - 1, [])
        table = contract.tables[0]
        places = [table.column_names.index(key) for key in table.primary_key]
        if table.load == "upsert":
            assert len({tuple(row[place] for place in places) for row in found.rows[name]}) == len(rows) - 1


def test_only_what_is_named_like_a_key_becomes_one(tmp_path: Path) -> None:
    keys = {}
    for name, (make, _) in TABLES.items():
        table = guessed(list(make(random.Random(1))), tmp_path / f"{name}.csv").tables[0]
        keys[name] = (str(table.load), table.primary_key)
    assert keys == {
        "flights": ("append", ()),
        "weather": ("append", ()),
        "airports": ("upsert", ("faa",)),
        "planes": ("upsert", ("tailnum",)),
        "airlines": ("append", ()),
    }
