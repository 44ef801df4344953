"""AWS's tutorials on loading, from their first statement to their last, through the port, with data of our own.

Sources: https://docs.aws.amazon.com/redshift/latest/dg/c_sampledb.html (TICKIT, "load sample data"),
https://docs.aws.amazon.com/redshift/latest/dg/tutorial-loading-data.html (star schema, errors and their repair)
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from localcloud_tests.warehouse.client import Sql, put
from localcloud_tests.warehouse.conftest import LocalAws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Client = psycopg.Connection[tuple[Any, ...]]
ROLE = "iam_role default"
TABLES = """
    create table users(
        userid integer not null distkey sortkey, username char(8), firstname varchar(30), lastname varchar(30),
        city varchar(30), state char(2), email varchar(100), phone char(14), likesports boolean, liketheatre boolean,
        likeconcerts boolean, likejazz boolean, likeclassical boolean, likeopera boolean, likerock boolean,
        likevegas boolean, likebroadway boolean, likemusicals boolean);
    create table venue(
        venueid smallint not null distkey sortkey, venuename varchar(100), venuecity varchar(30), venuestate char(2),
        venueseats integer);
    create table category(
        catid smallint not null distkey sortkey, catgroup varchar(10), catname varchar(10), catdesc varchar(50));
    create table date(
        dateid smallint not null distkey sortkey, caldate date not null, day character(3) not null,
        week smallint not null, month character(5) not null, qtr character(5) not null, year smallint not null,
        holiday boolean default('N'));
    create table event(
        eventid integer not null distkey, venueid smallint not null, catid smallint not null,
        dateid smallint not null sortkey, eventname varchar(200), starttime timestamp);
    create table listing(
        listid integer not null distkey, sellerid integer not null, eventid integer not null,
        dateid smallint not null sortkey, numtickets smallint not null, priceperticket decimal(8,2),
        totalprice decimal(8,2), listtime timestamp);
    create table sales(
        salesid integer not null, listid integer not null distkey, sellerid integer not null, buyerid integer not null,
        eventid integer not null, dateid smallint not null sortkey, qtysold smallint not null, pricepaid decimal(8,2),
        commission decimal(8,2), saletime timestamp);
"""
#: Table, file, options, and lines in the form of the tutorial's own files.
FILES = (
    ("users", "allusers_pipe.txt", "delimiter '|' region 'us-east-1'", [
        "1|JSG99FHE|Rafael|Taylor|Kent|WA|r@example.com|(664) 602-4412|TRUE|TRUE||FALSE|TRUE||TRUE|FALSE||TRUE",
        "2|PGL08LJI|Vladimir|Humphrey|Murfreesboro|SK|v@example.com|(783) 492-1886||||TRUE|TRUE||TRUE|FALSE|TRUE|",
        "3|IFT66TXU|Lars|Ratliff|High Point|ME|l@example.com|(624) 767-2465|TRUE|FALSE||FALSE|||TRUE|||",
    ]),
    ("venue", "venue_pipe.txt", "delimiter '|'", [
        "1|Toyota Park|Bridgeview|IL|0", "2|Columbus Crew Stadium|Columbus|OH|0",
        "5|Gillette Stadium|Foxborough|MA|68756",
    ]),
    ("category", "category_pipe.txt", "delimiter '|'", [
        "1|Sports|MLB|Major League Baseball", "9|Concerts|Pop|All rock and pop music concerts",
    ]),
    ("date", "date2008_pipe.txt", "delimiter '|'", [
        "1827|2008-01-01|WE|1|JAN|1|2008|TRUE", "1831|2008-01-05|SA|1|JAN|1|2008|FALSE",
    ]),
    ("event", "allevents_pipe.txt", "delimiter '|' timeformat 'YYYY-MM-DD HH:MI:SS'", [
        "1|5|9|1827|Gotterdammerung|2008-01-25 14:30:00", "2|1|1|1831|Chicago|2008-10-15 19:30:00",
    ]),
    ("listing", "listings_pipe.txt", "delimiter '|'", [
        "1|1|1|1827|10|182.00|1820.00|2008-02-18 02:36:48", "2|2|2|1831|4|233.00|932.00|2008-07-05 05:24:18",
    ]),
    ("sales", "sales_tab.txt", "delimiter '\\t' timeformat 'MM/DD/YYYY HH:MI:SS'", [
        "1\t1\t1\t2\t1\t1827\t4\t728.00\t109.20\t2/18/2008 02:36:48",
        "2\t2\t2\t3\t2\t1831\t2\t466.00\t69.90\t6/6/2008 05:00:16",
        "3\t2\t2\t3\t2\t1831\t1\t233.00\t34.95\t6/6/2008 08:26:17",
    ]),
)  # fmt: skip


@pytest.fixture
def client(local_aws: LocalAws, sql: Sql) -> Iterator[Client]:
    with psycopg.connect(local_aws.warehouse.dsn, autocommit=True) as connection:
        yield connection


def ask(client: Client, query: str) -> list[tuple[Any, ...]]:
    return client.execute(query.encode()).fetchall()


def test_tickit(client: Client, s3: S3Client, bucket: str) -> None:
    client.execute(TABLES.encode())
    for table, name, options, lines in FILES:
        put(s3, bucket, f"tickit/{name}", ("\n".join(lines) + "\n").encode())
        client.execute(f"copy {table} from 's3://{bucket}/tickit/{name}' {ROLE} {options};".encode())
        assert ask(client, f"select count(*) from {table}") == [(len(lines),)]

    assert ask(
        client,
        """select "column", type, distkey, sortkey from pg_table_def where tablename = 'category'
           order by sortkey desc, "column" limit 2""",
    ) == [("catid", "smallint", True, 1), ("catdesc", "character varying(50)", False, 0)]
    # Total sales on a given calendar date.
    assert ask(
        client,
        """SELECT sum(qtysold) FROM sales, date WHERE sales.dateid = date.dateid AND caldate = '2008-01-05'""",
    ) == [(3,)]
    # The top 10 buyers by quantity.
    assert ask(
        client,
        """SELECT firstname, lastname, total_quantity
           FROM (SELECT buyerid, sum(qtysold) total_quantity FROM sales GROUP BY buyerid
                 ORDER BY total_quantity desc limit 10) Q, users
           WHERE Q.buyerid = userid ORDER BY Q.total_quantity desc""",
    ) == [("Vladimir", "Humphrey", 4), ("Lars", "Ratliff", 3)]
    # Events in the 99.9 percentile in terms of all time gross sales.
    found = ask(
        client,
        """SELECT eventname, total_price
           FROM (SELECT eventid, total_price, ntile(1000) over(order by total_price desc) as percentile
                 FROM (SELECT eventid, sum(pricepaid) total_price FROM sales GROUP BY eventid)) Q, event E
           WHERE Q.eventid = E.eventid AND percentile = 1 ORDER BY total_price desc""",
    )
    assert [(name, str(price)) for name, price in found] == [("Gotterdammerung", "728.00")]
    assert ask(client, "select userid, username, likejazz, likebroadway from users where likesports is null") == [
        (2, "PGL08LJI", True, True)
    ]


def test_star_schema_with_its_errors(client: Client, s3: S3Client, bucket: str) -> None:
    client.execute(
        """
        CREATE TABLE part (p_partkey INTEGER NOT NULL, p_name VARCHAR(22) NOT NULL, p_mfgr VARCHAR(6));
        CREATE TABLE supplier (s_suppkey INTEGER NOT NULL, s_name VARCHAR(25) NOT NULL, s_city VARCHAR(10) NOT NULL);
        CREATE TABLE customer (c_custkey INTEGER NOT NULL, c_name VARCHAR(25) NOT NULL, c_city VARCHAR(9) NOT NULL);
        CREATE TABLE dwdate (d_datekey INTEGER NOT NULL, d_date VARCHAR(19) NOT NULL, d_day DATE NOT NULL);
        """
    )
    source = f"s3://{bucket}/load"

    # CSV with null terminators: the first try fails, the errors say why, NULL AS repairs it.
    put(s3, bucket, "load/part-csv.tbl-000", b"15,blue,MFGR#1\n16,NUL next,\0\n")
    with pytest.raises(psycopg.Error) as failed:
        client.execute(f"copy part from '{source}/part-csv.tbl' {ROLE} csv".encode())
    assert failed.value.diag.message_primary == (
        "Load into table 'part' failed.  Check 'stl_load_errors' system table for details."
    )
    newest = (
        "select line_number, trim(err_reason) from stl_load_errors order by starttime desc, line_number desc limit 1"
    )
    assert ask(client, newest) == [(2, "Missing newline: Unexpected character 0x0 found at location 13")]
    client.execute(f"copy part from '{source}/part-csv.tbl' {ROLE} csv null as '\\000'".encode())
    assert ask(client, "select * from part order by 1") == [(15, "blue", "MFGR#1"), (16, "NUL next", None)]

    # A compressed file with a delimiter.
    put(s3, bucket, "load/supplier.tbl_0000.gz", gzip.compress(b"1|Supplier#1|PERU     1\n2|Supplier#2|ETHIOPIA 1\n"))
    client.execute(f"copy supplier from '{source}/supplier.tbl' {ROLE} delimiter '|' gzip region 'us-east-1'".encode())
    assert ask(client, "select count(*) from supplier") == [(2,)]

    # Fixed width with a broken character and a file that does not belong to it: MAXERROR, ACCEPTINVCHARS, a manifest.
    spec = "fixedwidth 'c_custkey:10, c_name:25, c_city:9'"
    put(s3, bucket, "load/customer-fw.tbl-000", b"1         Customer#1               MOROCCO 0\n"
        b"2         Customer#2               JORDAN\xe9 1\n")  # fmt: skip
    put(s3, bucket, "load/customer-fw.tbl.log", b"no customer\n")
    client.execute(f"copy customer from '{source}/customer-fw.tbl' {ROLE} {spec} maxerror 10".encode())
    reason = "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: e9 (error 3)"
    assert ask(client, newest) == [(2, reason)]
    entries = [{"url": f"{source}/customer-fw.tbl-000", "mandatory": True}]
    put(s3, bucket, "load/customer-fw-manifest", json.dumps({"entries": entries}).encode())
    client.execute("truncate customer")
    options = f"{spec} maxerror 10 acceptinvchars as '^' manifest"
    client.execute(f"copy customer from '{source}/customer-fw-manifest' {ROLE} {options}".encode())
    assert ask(client, "select * from customer order by 1") == [
        (1, "Customer#1", "MOROCCO 0"),
        (2, "Customer#2", "JORDAN^ 1"),
    ]

    # Tabs and dates in another format.
    put(s3, bucket, "load/dwdate-tab.tbl", b"19920101\tJanuary 1, 1992\t1/1/1992\n")
    client.execute(f"copy dwdate from '{source}/dwdate-tab.tbl' {ROLE} delimiter '\\t' dateformat 'auto'".encode())
    assert [str(value) for value in ask(client, "select d_day from dwdate")[0]] == ["1992-01-01"]
    client.execute("vacuum")
    client.execute("analyze")
    client.execute("drop table part; drop table supplier; drop table customer; drop table dwdate;")
