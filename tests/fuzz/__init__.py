"""Fuzzing: the readers of bytes from outside get what nobody would write, and must keep what they promise.

A target is a module of ``tests.fuzz.targets``: ``check`` raises for a broken promise, ``mutated`` changes an input in ways
that reach deeper than flipped bits, ``seeds`` begins. Inputs that reach a branch no other reaches, and inputs that once
broke a promise, are kept in ``corpus/``; the tests replay them all. ``make fuzz`` goes on searching.
"""
