"""What a user writes: an experiment, its chip, its tables; checked before anything runs."""
