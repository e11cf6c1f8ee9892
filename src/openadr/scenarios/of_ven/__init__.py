"""Scenarios that test a VEN: the tester is a VTN."""
