"""Fit, and try while tuning: pure functions of data, settings and plugin instances."""
