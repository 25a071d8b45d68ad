"""Batch prediction: rows of files or of a database, scored in parts by several processes, whole or not there at all."""
