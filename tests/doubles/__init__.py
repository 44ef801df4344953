"""Stand-ins for the outside world, all in memory, that can fail on demand."""
