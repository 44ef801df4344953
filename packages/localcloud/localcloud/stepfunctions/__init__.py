"""Step Functions as its state machines need it: MiniStack runs a state, everything around a state is here."""
