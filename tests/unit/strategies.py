"""What hypothesis may draw: partitions, and layouts of the allowed form."""

from datetime import UTC, datetime

from hypothesis import assume
from hypothesis import strategies as st

from sluice.lake.layout import Layout, Partition

_MOMENTS = st.datetimes(timezones=st.just(UTC))


def _hour(moment: datetime) -> Partition:
    return Partition(moment.replace(minute=0, second=0, microsecond=0))


def _day(moment: datetime) -> Partition:
    return Partition(moment.replace(hour=0, minute=0, second=0, microsecond=0), is_hourly=False)


hours = _MOMENTS.map(_hour)
days = _MOMENTS.map(_day)
partitions = hours | days

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="%/"), max_size=6)
_FOLDER = _TEXT.filter(bool)


@st.composite
def layouts(draw: st.DrawFn, is_hourly: bool) -> Layout:
    """A fixed first folder, then the directives in any order with any text between them."""
    directives = draw(st.permutations(["%Y", "%m", "%d"] + (["%H"] if is_hourly else [])))
    separators = st.sampled_from(["/", "-", "/x=", ""]) | _TEXT
    body = directives[0] + "".join(draw(separators) + directive for directive in directives[1:])
    pattern = f"{draw(_FOLDER)}/{draw(_TEXT)}{body}{draw(_TEXT)}"
    assume(not {"", ".", ".."} & set(pattern.split("/")))
    return Layout(pattern)
