"""The study of the instruments: a file for each."""
