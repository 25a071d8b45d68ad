"""MLflow: runs, trials, artifacts, registered versions and their aliases. Nothing here decides; people look at it."""
