"""What we measure, beside peers and limits, in the same run: ``python -m benchmarks [drift] [startup] [serving]``."""
