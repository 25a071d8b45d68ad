"""What will be done: frozen, serialisable steps, shown, compared, and carried out exactly as shown."""
