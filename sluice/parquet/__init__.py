"""What a Parquet file says of itself: its columns, its rows and its writer, read from its last bytes."""

from sluice.parquet.footer import TAIL_BYTES, FileColumn, Footer, ParquetError, footer_bytes, read_footer

__all__ = ["TAIL_BYTES", "FileColumn", "Footer", "ParquetError", "footer_bytes", "read_footer"]
