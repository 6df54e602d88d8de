"""What holds for every file of a kind: `neurochip check` runs it on a user's own, the tests on those that ship."""
