"""What the Glue job `raw_to_parquet` is made of: everything around the kernel that converts (`sluice.kernel`).

`run` tells the story: which batches there are, which engine converts them (`engines`), whether the books balance
(`accounting`), and the switch that makes the result visible. `one_batch` takes a batch from its raw files to Parquet;
`process` does that in the job's own process and `spark` in Spark's workers.
"""
