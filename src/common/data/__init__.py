"""Common data access: named points, values with quality and time, and the conversion tables behind the names."""
