"""What every room may use: the one error, TOML files, whole files, host randomness, the screen."""
