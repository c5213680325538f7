"""Specs in the bank's words: given what happened, when a record comes, then exactly this follows.

`tiers`: the tier machine alone. `records`: records in short. `bank`: a shard fed with records. `expect`: decisions as
they must come out, to the field. `door`: the intake on a log in memory, for what is decided ahead of the shard.
`seen`: a customer as the rules of triggers see one; `nights`: such a rule at one close after the other.
"""

import pytest

pytest.register_assert_rewrite("tests.dsl.bank", "tests.dsl.door", "tests.dsl.nights", "tests.dsl.tiers")
