"""Importers: foreign data as records of the contract, one compact JSON line each."""
