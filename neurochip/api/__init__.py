"""What a user calls: each module is a part of `import neurochip as nc`, and the command line prints what it returns."""
