"""XML as crawlers see it; rows are found as `sluice contract new` finds them, for AWS documents no rule for them."""

import tempfile
from itertools import islice
from pathlib import Path as FilePath

from localcloud.glue.crawls.kinds import NULL, Array, Kind, Struct, merged, widest
from localcloud.glue.crawls.text_values import kind_of_text
from sluice.errors import SampleError
from sluice.infer.observed import Path, Tree
from sluice.infer.opened import Sample
from sluice.infer.xml_samples import XmlRecords, row_tag_of

_ROWS = 1000


def read_xml(content: bytes) -> tuple[dict[str, Kind], str] | None:
    """Give the columns of a document and its row tag; None when it is no XML.

    Attributes are columns of their name.

    Args:
        content: the whole document, unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="crawl-") as folder:
        path = FilePath(folder) / "document.xml"
        path.write_bytes(content)
        sample = Sample(path, "xml")
        try:
            row_tag = row_tag_of(sample)
            records = XmlRecords(sample, row_tag)
            repeated = set[Path]()
            for element in islice(records.elements(), _ROWS):
                repeated |= records.repeated(element)
            trees = [records.tree(element, frozenset(repeated)) for element in islice(records.elements(), _ROWS)]
        except SampleError:
            return None
    return merged({_name(name): _kind(value) for name, value in tree.items()} for tree in trees), row_tag


def _name(name: str) -> str:
    return name.removeprefix("@").lower()


def _kind(tree: Tree) -> Kind:
    if tree is None:
        return NULL
    if isinstance(tree, str):
        return kind_of_text(tree)
    if isinstance(tree, dict):
        return Struct(tuple((_name(name), _kind(value)) for name, value in tree.items()))
    element: Kind = NULL
    for item in tree:
        element = widest(element, _kind(item))
    return Array(element)
