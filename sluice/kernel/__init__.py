"""Raw bytes to rows: one kernel converts, engine-free, on pyarrow. It knows neither Spark nor AWS nor the ledger."""
