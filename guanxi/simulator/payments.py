"""What people pay for and are paid for, and by which way: tables from which each payment is drawn."""

from typing import Final

from guanxi.simulator.chance import Chance
from guanxi.simulator.names import OTHER_BANKS, PLATFORMS, account_number, person
from guanxi.simulator.population import Pays
from guanxi.simulator.text import memo, other_side

Payment = tuple[str, str]
"""Type of the record, further fields as JSON text beginning with a comma."""

TABLE_SIZE: Final = 1024

# Shares in 100 of: shops paid through a platform, by card, in cash, people with the same bank, platforms and other banks.
WAYS: Final = {
    Pays.BY_PHONE: (64, 14, 2, 12, 8),
    Pays.MIXED: (44, 28, 8, 13, 7),
    Pays.IN_CASH: (12, 38, 36, 10, 4),
}
GIFTS_PERMILLE: Final = 500
"""Of the payments on the days of red envelopes."""
BOUGHT_ONLINE_PERMILLE: Final = 350
"""Of what is paid by card on other days, on those of the great online sales."""
INCOMES: Final = 128


def at_platform(chance: Chance, text: str) -> str:
    """A payment platform as the other side."""
    return f'{other_side("payment_platform", name=chance.one(PLATFORMS))},"channel":"mobile"{memo(text)}'


def at_other_bank(chance: Chance, text: str, name: str) -> str:
    """An account with another bank as the other side."""
    side = other_side("other_bank", bank=chance.one(OTHER_BANKS), account=account_number(chance), name=name)
    return f'{side},"channel":"mobile"{memo(text)}'


class Payments:
    """The payments of this city: for each way of paying a table of an ordinary day, of a sale, and of the feast."""

    def __init__(self, chance: Chance) -> None:
        """Make up the people and shops that money goes to."""
        self._chance = chance
        self.usual = [[self._usual(WAYS[pays]) for _ in range(TABLE_SIZE)] for pays in Pays]
        self.online = [[self._moved_online(payment) for payment in table] for table in self.usual]
        self.feast = [[self._gift() if chance.hits(GIFTS_PERMILLE) else p for p in table] for table in self.usual]
        self.incomes = [self._income(chance.below(100)) for _ in range(INCOMES)]

    def _usual(self, shares: tuple[int, ...]) -> Payment:
        chance = self._chance
        match chance.shares(shares):
            case 0:
                return self._through_platform(chance.one(("网购", "外卖", "超市购物", "餐饮", "打车", "充值", "药店")))
            case 1:
                text = chance.one(("超市购物", "餐饮", "加油", "药店", "服装", "水果店"))
                return "withdrawal", f'{other_side("unknown")},"channel":"card"{memo(text)}'
            case 2:
                return "withdrawal", other_side("cash") + ',"channel":"atm"'
            case 3:
                return self._to_person(chance.one(("生活费", "还款", "房租", "货款")))
            case _:
                if chance.hits(400):
                    return "transfer_out", at_platform(chance, "转入零钱")
                text = chance.one(("转账", "学费", "货款", "信用卡还款"))
                return "transfer_out", at_other_bank(chance, text, person(chance))

    def _through_platform(self, text: str) -> Payment:
        """A shop paid by a platform that takes the money from the account at once: spending, not money moved there."""
        return "withdrawal", at_platform(self._chance, text)

    def _to_person(self, text: str) -> Payment:
        return "transfer_out", f'{other_side("same_bank", name=person(self._chance))},"channel":"mobile"{memo(text)}'

    def _moved_online(self, payment: Payment) -> Payment:
        by_card = '"channel":"card"' in payment[1]
        return self._through_platform("网购") if by_card and self._chance.hits(BOUGHT_ONLINE_PERMILLE) else payment

    def _gift(self) -> Payment:
        return self._to_person("压岁钱")

    def _income(self, draw: int) -> Payment:
        chance = self._chance
        if draw < 30:
            return "deposit", other_side("cash") + ',"channel":"counter"'
        if draw < 60:
            return "transfer_in", at_platform(chance, "店铺收款")
        if draw < 80:
            return "transfer_in", other_side("same_bank", name=person(chance)) + memo("货款")
        return "transfer_in", at_other_bank(chance, "货款", person(chance))
