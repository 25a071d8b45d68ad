"""Plan to reality: the only room with Ray and MLflow."""
