"""Common data access: named points, values with quality and time, and the conversion tables that give points their names."""
