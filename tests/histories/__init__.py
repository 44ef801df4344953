"""Histories: what can happen to an account, in any order, against a pure model of what must come of it."""
