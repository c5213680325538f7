"""Retention triggers: one rule a file (DOMAIN §5). ``rule`` says what a rule is, ``catalog`` lists them."""
