"""Simulators of the plant: pure models that step with time, without input, output or clock.

Signs, everywhere in this room: production and discharge are positive, charging is negative, import from the grid is
positive. Power is in kW, energy in kWh, durations in seconds, states of charge between 0 and 1.
"""
