"""The law of a vault, held by every adapter: what is sealed opens, keys last, destroyed is for good."""

from collections.abc import Callable

import pytest

from infra.master_key import VaultError
from infra.sealing import KeyDestroyed, Sealing

MASTER, OTHER = bytes(range(32)), bytes(32)
PLAIN = "王小明 · 身份证 110101199003070001".encode()
CONTEXT = b"core:event-1:name"
ODD = ("", "C1", "客户三", "a\nb", "nul\0in it", "x" * 64)
"""Customers as ids allow them; the first stands for the log itself."""


class VaultConformance:
    """Subclasses say how a vault is opened: `reopen` each time another one on the same keys, `wrapped` what is stored."""

    @pytest.fixture
    def reopen(self) -> Callable[..., Sealing]:
        """Another vault on the same keys; master: another master key, small: with caches of one or two."""
        raise NotImplementedError

    @pytest.fixture
    def wrapped(self) -> Callable[[], dict[str, bytes]]:
        """What is stored, by customer."""
        raise NotImplementedError

    def test_what_was_sealed_opens_in_another_process(self, reopen: Callable[..., Sealing]) -> None:
        vault = reopen()
        sealed = {who: vault.seal(who, PLAIN, CONTEXT) for who in ODD}
        assert all(vault.open(who, each, CONTEXT) == PLAIN for who, each in sealed.items())
        vault.commit()
        again = reopen()
        assert all(again.open(who, each, CONTEXT) == PLAIN for who, each in sealed.items())
        assert len({each[13:] for each in sealed.values()}) == len(ODD)

    def test_keys_stay_and_new_ones_come_beside_them(
        self, reopen: Callable[..., Sealing], wrapped: Callable[[], dict[str, bytes]]
    ) -> None:
        vault = reopen()
        first = vault.seal("C1", PLAIN, CONTEXT)
        vault.commit()
        before = wrapped()
        again = reopen()
        again.seal("C1", PLAIN, CONTEXT)
        again.seal("C2", PLAIN, CONTEXT)
        again.commit()
        again.commit()
        assert {who: key for who, key in wrapped().items() if who != "C2"} == before
        assert set(wrapped()) == {"C1", "C2"}
        assert again.open("C1", first, CONTEXT) == PLAIN

    def test_small_caches_change_nothing(self, reopen: Callable[..., Sealing]) -> None:
        vault = reopen(small=True)
        sealed = {f"C{at}": vault.seal(f"C{at}", b"%d" % at, CONTEXT) for at in range(9)}
        for again in (vault, vault, reopen(small=True)):
            vault.commit()
            assert [again.open(who, each, CONTEXT) for who, each in sealed.items()] == [b"%d" % at for at in range(9)]

    def test_a_key_that_is_not_durable_is_lost(
        self, reopen: Callable[..., Sealing], wrapped: Callable[[], dict[str, bytes]]
    ) -> None:
        vault = reopen()
        sealed = vault.seal("C1", PLAIN, CONTEXT)
        assert wrapped() == {}
        with pytest.raises(VaultError, match="no key for customer C1"):
            reopen().open("C1", sealed, CONTEXT)

    def test_another_context_or_customer_does_not_open(self, reopen: Callable[..., Sealing]) -> None:
        vault = reopen()
        sealed = vault.seal("C1", PLAIN, CONTEXT)
        vault.seal("C2", PLAIN, CONTEXT)
        for who, context in (("C1", b"another"), ("C2", CONTEXT)):
            with pytest.raises(VaultError, match="changed, or belongs elsewhere"):
                vault.open(who, sealed, context)

    def test_a_wrong_master_key_is_told_when_it_is_opened(self, reopen: Callable[..., Sealing]) -> None:
        reopen(master=OTHER)  # nobody is in it: nothing to compare with
        vault = reopen()
        vault.seal("C1", PLAIN, CONTEXT)
        vault.commit()
        with pytest.raises(VaultError, match="made under another master key"):
            reopen(master=OTHER)
        with pytest.raises(VaultError, match="32 bytes"):
            reopen(master=b"short")

    def test_two_master_keys_do_not_meet_in_a_new_vault(
        self, reopen: Callable[..., Sealing], wrapped: Callable[[], dict[str, bytes]]
    ) -> None:
        one, other = reopen(), reopen(master=OTHER)
        one.seal("C1", PLAIN, CONTEXT)
        other.seal("C2", PLAIN, CONTEXT)
        one.commit()
        with pytest.raises(VaultError, match="made under another master key"):
            other.commit()
        assert set(wrapped()) == {"C1"}

    def test_destroyed_is_for_good(
        self, reopen: Callable[..., Sealing], wrapped: Callable[[], dict[str, bytes]]
    ) -> None:
        vault = reopen()
        sealed = vault.seal("C1", PLAIN, CONTEXT)
        vault.commit()
        for who in ("C1", "C1", "never heard of"):
            vault.destroy(who)  # type: ignore[attr-defined]
        for each in (vault, reopen()):
            for do in (lambda v=each: v.open("C1", sealed, CONTEXT), lambda v=each: v.seal("C1", PLAIN, CONTEXT)):
                with pytest.raises(KeyDestroyed, match="C1 was destroyed"):
                    do()
            with pytest.raises(KeyDestroyed):
                each.seal("never heard of", PLAIN, CONTEXT)
        assert wrapped() == {"C1": bytes(60), "never heard of": bytes(60)}

    def test_whose_key_is_still_to_be_destroyed(self, reopen: Callable[..., Sealing]) -> None:
        vault = reopen()
        vault.seal("C1", PLAIN, CONTEXT)
        vault.seal("C2", PLAIN, CONTEXT)
        vault.commit()
        everyone = ("C2", *ODD, "gone")
        vault.destroy("gone")  # type: ignore[attr-defined]
        vault.destroy("C1")  # type: ignore[attr-defined]
        for each in (vault, reopen()):
            assert each.not_destroyed(everyone) == ["C2", *(who for who in ODD if who != "C1")]
            assert each.not_destroyed([]) == []

    def test_a_key_not_yet_durable_can_be_destroyed(self, reopen: Callable[..., Sealing]) -> None:
        vault = reopen()
        vault.seal("C1", PLAIN, CONTEXT)
        vault.destroy("C1")  # type: ignore[attr-defined]
        vault.commit()
        with pytest.raises(KeyDestroyed):
            reopen().seal("C1", PLAIN, CONTEXT)
