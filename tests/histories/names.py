"""Names of files that mean something to somebody on their way."""

NAMES = [
    "with blanks and  two",
    "'; DROP TABLE orders; --",
    '"double" quotes.csv',
    "back\\slash\\",
    "\\'; SELECT 1; --",
    "$(touch pwned) `touch pwned` ; touch pwned",
    "-rf",
    "*?[a-z]{b,c}",
    "%2e%2e%2fetc%2fpasswd",
    "%s%n%d {0} {name} ${HOME}",
    "a&b=c#d+e@f;g,h~i|j^k",
    "<e>&lt;![CDATA[x]]>",
    "tab\tand\nnewline\r",
    "bell\x07 and \x7f",
    "żółć 茶 🫖 \u202egnp.exe",
    "e\u0301 beside \u00e9",
    "... .hidden ._x",
    "year=1999/month=01/x",
    "manifest.json.bak",
    "2026-11-20T13:00:00+01:00",
    "part-00000.parquet",
    "_SUCCESS",
    "x" * 900,
]
"""Names that mean something to SQL, shells, file systems, URLs or people, and nothing to S3."""
