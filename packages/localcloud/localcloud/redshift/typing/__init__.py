"""What the words of a statement cannot say, told by PostgreSQL: the types of expressions, and the columns of a query.

Before such a statement runs, PostgreSQL analyses it without running it. What it says decides how Redshift would
compute: the precision and scale of decimals, which names are aliases of the same list, what ``*`` stands for.
"""
