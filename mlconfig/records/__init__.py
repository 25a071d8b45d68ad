"""What crosses a process or outlives one: versioned, frozen, without behaviour beyond reading and writing itself."""
