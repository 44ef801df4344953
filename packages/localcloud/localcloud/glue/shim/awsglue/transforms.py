"""`awsglue.transforms`: scripts import it by habit; those of this project use Spark's own transformations."""
