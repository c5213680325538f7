"""A slow, obvious model of the bank, written from DOMAIN and CONTRACT alone, and random histories to compare with."""
