"""The crawlers of the tables: that they are there, look at the contract's tables, and did not fail."""

from collections.abc import Iterator, Mapping
from typing import Any

from sluice.aws.failures import aws_errors
from sluice.doctor.deployment import Deployment
from sluice.doctor.findings import DEPLOY, Finding, error, ok, warning
from sluice.lake.catalog_tables import Zone, zone_tables
from sluice.names import crawler_name


def check_crawlers(deployment: Deployment) -> Iterator[Finding]:
    """Each dataset's tables are crawled, unless nobody wants crawlers in their zone, and the last crawl went well."""
    found = _crawlers(deployment)
    wanted = _wanted(deployment)
    for zone, tables in wanted.items():
        if not tables.keys() & found.keys():
            yield ok("crawlers", f"no crawler looks at {zone} files")
            continue
        for name, names in tables.items():
            yield judge_crawler(name, names, found.get(name))
    known = {name for tables in wanted.values() for name in tables}
    prefixes = tuple(f"{deployment.settings.prefix}{zone}-" for zone in Zone)
    for name in sorted(name for name in found if name.startswith(prefixes) and name not in known):
        what = f"crawler {name} is of no dataset of the contracts"
        yield warning("crawlers", what, f"aws glue delete-crawler --name {name}")


def judge_crawler(name: str, tables: frozenset[str], crawler: Mapping[str, Any] | None) -> Finding:
    """What one crawler's state means.

    Args:
        name: Its name.
        tables: The tables that it must look at.
        crawler: It, as Glue has it; None when there is none.
    """
    if crawler is None:
        return error("crawlers", f"crawler {name} does not exist", DEPLOY)
    targets = crawler.get("Targets", {}).get("CatalogTargets", ())
    crawled = {table for target in targets for table in target.get("Tables", ())}
    if crawled != tables:
        what = (
            f"crawler {name} looks at {', '.join(sorted(crawled)) or 'nothing'} instead of {', '.join(sorted(tables))}"
        )
        return error("crawlers", what, DEPLOY)
    last = crawler.get("LastCrawl") or {}
    if last.get("Status") == "FAILED":
        what = f"the last crawl of {name} failed: {last.get('ErrorMessage', '')}"
        return warning("crawlers", what.rstrip(": "), f"aws glue start-crawler --name {name}")
    return ok("crawlers", f"crawler {name} looks at {', '.join(sorted(tables))}")


def _wanted(deployment: Deployment) -> dict[Zone, dict[str, frozenset[str]]]:
    """By zone and crawler, the tables."""
    settings = deployment.settings
    wanted: dict[Zone, dict[str, frozenset[str]]] = {zone: {} for zone in Zone}
    for contract in deployment.contracts.values():
        tables = list(zone_tables(contract, settings.raw_bucket, settings.processed))
        for zone in Zone:
            names = frozenset(table["Name"] for place, table in tables if place is zone)
            wanted[zone][crawler_name(settings.prefix, zone, contract.dataset)] = names
    return wanted


def _crawlers(deployment: Deployment) -> dict[str, Mapping[str, Any]]:
    with aws_errors("list the crawlers"):
        pages = deployment.clients.glue.get_paginator("get_crawlers").paginate()
        return {crawler["Name"]: crawler for page in pages for crawler in page["Crawlers"]}
