"""Declared features, worked out on the data, as one fitted pipeline that trains, is exported, and is the parity reference."""
