"""Scenarios that test a VTN: the tester is a VEN."""
