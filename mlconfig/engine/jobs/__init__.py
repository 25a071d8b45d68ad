"""What each kind of step does: a module a step, a function ``run`` a module."""
