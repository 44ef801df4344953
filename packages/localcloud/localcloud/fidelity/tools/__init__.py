"""Tools that people have, against the warehouse's port and the local S3: what of each works."""
