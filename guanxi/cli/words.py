"""The words of the screens, Chinese and English (DOMAIN §1)."""

from typing import Final, NamedTuple


class Words(NamedTuple):
    """A term in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} {self.en}" if self.zh != self.en else self.en


CATEGORIES: Final[dict[str, Words]] = {
    "deposit": Words("存款", "Deposit"),
    "wealth_product": Words("理财产品", "Wealth product"),
    "fund": Words("基金", "Fund"),
    "certificate_bond": Words("凭证式国债", "Certificate bond"),
    "treasury_bond": Words("记账式国债", "Treasury bond"),
    "gold": Words("黄金", "Gold"),
    "cts_margin": Words("三方存管", "CTS margin"),
}

STATES: Final[dict[str, Words]] = {
    "ordinary": Words("普通", "Ordinary"),
    "vip": Words("VIP", "VIP"),
    "lapsed": Words("已退未评级", "Lapsed"),
    "special": Words("特殊VIP", "Special VIP"),
}

KINDS: Final[dict[str, Words]] = {
    "entered": Words("达标", "Entered"),
    "reentered": Words("重新达标", "Re-entered"),
    "upgraded": Words("升级", "Upgraded"),
    "downgraded": Words("降级", "Downgraded"),
    "lapsed": Words("退出", "Lapsed"),
    "exited": Words("恢复普通", "Exited"),
    "watch_started": Words("进入关注", "Watch started"),
    "watch_cleared": Words("解除关注", "Watch cleared"),
    "special_granted": Words("授予特殊", "Special granted"),
    "special_ended": Words("特殊到期", "Special ended"),
    "restated": Words("追溯更正", "Restated"),
}

ALERTS: Final[dict[str, Words]] = {
    "day_skipped": Words("跳过会计日", "Business day skipped"),
    "balance_left_at_closing": Words("销户余额", "Balance left at closing"),
    "balance_differs": Words("余额不符", "Balance differs"),
    "brought_forward_not_next_month": Words("期初月份不符", "Brought forward for another month"),
    "special_for_vip": Words("VIP再授特殊", "Special granted to a VIP"),
    "totals_differ": Words("总数不符", "Control totals differ"),
    "id_in_two_places": Words("编号重复", "Id in two places"),
}
