"""COPY: which files, whether they fit the table, and the rows into it."""
