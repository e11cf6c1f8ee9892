"""The sides of the contests: one program for each client and each server, run by the interpreter that has it installed.

The programs import no more than the standard library, the implementation they stand for, and the modules beside them,
so that each implementation stays in processes of its own.
"""
