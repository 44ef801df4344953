"""What is known of a batch, what may become of it, and what people do about it."""
