"""Where data lie and are found, and the documents that jobs and functions hand each other."""
