"""Raw bytes to rows: one kernel converts, engine-free, on pyarrow. It knows neither Spark nor AWS nor the ledger.

Who calls it: the conversion job, in its own process or inside Spark's tasks, and whoever wants to see what a contract
makes of a sample. The door is `convert.Kernel` (one raw file in, chunks of rows, quarantine and counts out) and
`write.TableWriter` (rows of one batch and table in, sorted Parquet without older versions of a row out).

Two lanes lead from a file to its rows. The *row lane* (`rows`) takes one record after the other in plain Python and is
the reference. The *vector lane* (`columns`) proves and casts whole columns, and leaves every record that is not proven
beyond doubt to the row lane. The choice of lanes changes no row, no quarantined record and no count.
"""
