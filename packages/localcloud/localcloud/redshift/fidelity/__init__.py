"""How many statements of other people's Redshift SQL the stand-in runs, accepts or refuses."""
