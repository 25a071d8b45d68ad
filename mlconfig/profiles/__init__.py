"""Mergeable counts: histograms, the profile of a window, its binary form, and distances between two."""
