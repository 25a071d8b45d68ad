"""Features and model as one file, and the proof that it predicts the same."""
