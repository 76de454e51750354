"""What an operator looks at while the tool runs by itself."""
