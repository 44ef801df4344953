"""Which folders are tables, and which are partitions of one.

When the majority of schemas at a folder level are similar, the folder is a table and its folders are partitions; format
and compression must be the same. CombineCompatibleSchemas leaves out the comparison of schemas.
Source: https://docs.aws.amazon.com/glue/latest/dg/tables-described.html,
https://docs.aws.amazon.com/glue/latest/dg/crawler-grouping-policy.html and
https://docs.aws.amazon.com/glue/latest/dg/crawler-table-level.html

Not documented, and so decided here: schemas are similar when more than 70 % of their columns are the same, and the
majority is more than 70 % of the folders; folders of unequal depth are separate tables; files in one folder that differ
are a table each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from localcloud.glue.crawls.found import Classified, Detected, Form, Group
from localcloud.glue.crawls.kinds import Columns, merged
from localcloud.glue.crawls.listing import split_address
from localcloud.glue.crawls.partitions import folders_below, keys_of, values_of

SIMILAR = 0.7


@dataclass(frozen=True, slots=True)
class Grouping:
    """How folders become tables.

    Attributes:
        combines: CombineCompatibleSchemas.
        table_level: folders from the bucket down to a table; None to find out.
    """

    combines: bool = False
    table_level: int | None = None


@dataclass(slots=True)
class _Folder:
    address: str
    files: list[Classified] = field(default_factory=list)
    folders: dict[str, "_Folder"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A table, as far as the folders below one are looked at."""

    location: str
    form: Form
    files: tuple[Classified, ...]
    is_file: bool = False

    @property
    def columns(self) -> Columns:
        return merged(file.columns for file in self.files)

    @property
    def depths(self) -> set[int]:
        return {len(folders_below(file.file.folder, self.location)) for file in self.files}


def detect(
    files: Sequence[Classified], root: str, grouping: Grouping, not_tables: frozenset[str] = frozenset()
) -> list[Detected]:
    """Give the tables that files below an include path make.

    Args:
        files: what was found.
        root: the include path as a folder.
        grouping: the crawler's configuration.
        not_tables: folders that have tables below them already.
    """
    top = _Folder(root)
    for file in files:
        folder = top
        for name in folders_below(file.file.folder, root):
            folder = folder.folders.setdefault(name, _Folder(f"{folder.address}{name}/"))
        folder.files.append(file)
    return [_detected(candidate) for candidate in _candidates(top, grouping, not_tables)]


def group_of(values: tuple[str, ...], location: str, files: Sequence[Classified]) -> Group:
    """The files of a partition, all of which were looked at."""
    return Group(values, location, tuple(files), len(files), sum(file.file.size_bytes for file in files))


def are_similar(one: Columns, other: Columns) -> bool:
    """Whether more than 70 % of the columns of the wider schema are in both, with types that go together."""
    widest = max(len(one), len(other))
    same = [name for name in one if name in other and _go_together(one[name], other[name])]
    return widest == 0 or len(same) / widest > SIMILAR


def _go_together(one: object, other: object) -> bool:
    numbers = {"tinyint", "smallint", "int", "bigint", "float", "double"}
    return one == other or "null" in (one, other) or (one in numbers and other in numbers) or type(one) is not str


def _candidates(folder: _Folder, grouping: Grouping, not_tables: frozenset[str]) -> list[_Candidate]:
    below = [_candidates(child, grouping, not_tables) for child in folder.folders.values()]
    own = _own(folder, grouping)
    if not below:
        return own
    loose = [*own, *(candidate for candidates in below for candidate in candidates)]
    level = _level(folder.address)
    is_too_high = grouping.table_level is not None and level < grouping.table_level
    if is_too_high or folder.address in not_tables:
        return loose
    if grouping.table_level is not None and level == grouping.table_level:
        return _joined(folder, loose, Grouping(combines=True))
    if own or any(len(candidates) != 1 for candidates in below):
        return loose
    return _joined(folder, loose, grouping)


def _own(folder: _Folder, grouping: Grouping) -> list[_Candidate]:
    """The tables of the files that lie in a folder itself: one, or one for each file."""
    clusters = _clusters([_Candidate(folder.address, file.form, (file,)) for file in folder.files], grouping)
    if len(clusters) == 1:
        return [_Candidate(folder.address, clusters[0][0].form, tuple(folder.files))]
    return [_Candidate(file.file.url, file.form, (file,), is_file=True) for file in folder.files]


def _joined(folder: _Folder, candidates: list[_Candidate], grouping: Grouping) -> list[_Candidate]:
    """One table of the majority and of all others of its form, or the candidates as they are."""
    clusters = _clusters(candidates, grouping)
    most = max(clusters, key=len)
    if len(most) / len(candidates) <= SIMILAR and len(clusters) > 1 and not grouping.combines:
        return candidates
    form = most[0].form
    members = [candidate for candidate in candidates if candidate.form == form]
    table = _Candidate(folder.address, form, tuple(file for member in members for file in member.files))
    if len(table.depths) > 1:
        return candidates
    return [table, *(candidate for candidate in candidates if candidate.form != form)]


def _clusters(candidates: Sequence[_Candidate], grouping: Grouping) -> list[list[_Candidate]]:
    clusters: list[list[_Candidate]] = []
    for candidate in candidates:
        for cluster in clusters:
            is_alike = grouping.combines or are_similar(cluster[0].columns, candidate.columns)
            if cluster[0].form == candidate.form and is_alike:
                cluster.append(candidate)
                break
        else:
            clusters.append([candidate])
    return clusters


def _level(address: str) -> int:
    return len([part for part in split_address(address)[1].split("/") if part])


def _detected(candidate: _Candidate) -> Detected:
    if candidate.is_file:
        return Detected(candidate.location, candidate.form, (), (group_of((), candidate.location, candidate.files),))
    by_folder: dict[str, list[Classified]] = {}
    for file in candidate.files:
        by_folder.setdefault(file.file.folder, []).append(file)
    folders = {address: folders_below(address, candidate.location) for address in by_folder}
    keys = keys_of(list(folders.values()))
    groups = [group_of(values_of(keys, folders[address]) or (), address, by_folder[address]) for address in by_folder]
    return Detected(candidate.location, candidate.form, keys, tuple(groups))
