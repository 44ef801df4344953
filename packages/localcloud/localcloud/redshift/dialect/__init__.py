"""From Redshift's SQL to PostgreSQL's: what is refused, what is rewritten, and what runs as it is."""
