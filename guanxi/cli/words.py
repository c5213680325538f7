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

LOAN_CLASSES: Final[dict[str, Words]] = {
    "normal": Words("正常", "Normal"),
    "special_mention": Words("关注", "Special mention"),
    "substandard": Words("次级", "Substandard"),
    "doubtful": Words("可疑", "Doubtful"),
    "loss": Words("损失", "Loss"),
}

COUNTERPARTIES: Final[dict[str, Words]] = {
    "own": Words("本人账户", "own account"),
    "same_bank": Words("本行他人", "same bank"),
    "other_bank": Words("他行", "other bank"),
    "payment_platform": Words("第三方支付平台", "payment platform"),
    "cash": Words("现金", "cash"),
    "unknown": Words("未注明", "not named"),
}
"""Where money goes to, or comes from."""

CONTACTS: Final[dict[str, Words]] = {
    "branch": Words("网点", "branch"),
    "phone": Words("电话", "phone"),
    "app": Words("手机银行", "app"),
    "campaign": Words("营销", "campaign"),
    "enquiry": Words("咨询", "enquiry"),
    "complaint": Words("投诉", "complaint"),
    "rating": Words("评价", "rating"),
    "identity": Words("身份核实", "identity check"),
    "manager": Words("客户经理", "manager"),
}
"""How a customer and the bank were in touch; channels of messages are the publisher's own words."""

ALERTS: Final[dict[str, Words]] = {
    "day_skipped": Words("跳过会计日", "Business day skipped"),
    "balance_left_at_closing": Words("销户余额", "Balance left at closing"),
    "balance_differs": Words("余额不符", "Balance differs"),
    "brought_forward_not_next_month": Words("期初月份不符", "Brought forward for another month"),
    "special_for_vip": Words("VIP再授特殊", "Special granted to a VIP"),
    "totals_differ": Words("总数不符", "Control totals differ"),
    "id_in_two_places": Words("编号重复", "Id in two places"),
    "parked_at_close": Words("日终搁置", "Parked at a close"),
    "contact_without_consent": Words("未授权触达", "Contact without consent"),
}

STEPS: Final[dict[str, Words]] = {
    "raised": Words("已触发", "Raised"),
    "claimed": Words("已认领", "Claimed"),
    "contacted": Words("已联系", "Contacted"),
    "retained": Words("已挽留", "Retained"),
    "lost": Words("已流失", "Lost"),
    "no_need": Words("无需", "No need"),
    "expired": Words("已过期", "Expired"),
    "withdrawn": Words("已撤回", "Withdrawn"),
}
"""Steps in the life of a trigger."""

STAKES: Final[dict[str, Words]] = {
    "left": Words("流出", "left"),
    "fell": Words("下降", "down by"),
    "not_renewed": Words("未续", "not renewed"),
    "matures": Words("到期", "matures"),
    "moved_out": Words("转至他处", "moved elsewhere"),
    "lacks": Words("差额", "lacks"),
    "held": Words("金融资产", "AUM"),
}
"""What the money at stake of a trigger is."""

LINES: Final[dict[str, Words]] = {
    "account_opened": Words("开户", "Account opened"),
    "account_closed": Words("销户", "Account closed"),
    "deposit": Words("存入", "Deposit"),
    "transfer_in": Words("转入", "Transfer in"),
    "interest_credited": Words("结息", "Interest"),
    "payroll_credited": Words("代发工资", "Payroll"),
    "withdrawal": Words("支取", "Withdrawal"),
    "transfer_out": Words("转出", "Transfer out"),
    "fee_charged": Words("收费", "Fee"),
    "product_purchased": Words("购买", "Purchase"),
    "product_redeemed": Words("赎回", "Redemption"),
    "product_matured": Words("到期", "Maturity"),
    "valuation_updated": Words("估值", "Valuation"),
    "balance_stated": Words("核心余额", "Balance stated"),
    "customer_brought_forward": Words("期初迁入", "Brought forward"),
    "loan_opened": Words("贷款迁入", "Loan opened"),
    "loan_disbursed": Words("贷款发放", "Loan disbursed"),
    "loan_repaid": Words("贷款归还", "Loan repaid"),
    "loan_overdue": Words("贷款逾期", "Loan overdue"),
    "loan_classified": Words("贷款分类", "Loan classified"),
    "reversal": Words("冲正", "Reversal"),
    "customer_registered": Words("客户登记", "Registered"),
    "customer_updated": Words("资料变更", "Updated"),
    "manager_assigned": Words("分配客户经理", "Manager assigned"),
    "consent_changed": Words("授权变更", "Consent changed"),
    "erasure_requested": Words("申请删除", "Erasure requested"),
    "customer_erased": Words("已删除", "Erased"),
    "special_vip_granted": Words("授予特殊VIP", "Special VIP granted"),
    "special_vip_revoked": Words("撤销特殊VIP", "Special VIP revoked"),
    "branch_visit": Words("到访网点", "Branch visit"),
    "phone_call": Words("电话", "Phone call"),
    "app_session": Words("手机银行登录", "App session"),
    "message": Words("消息", "Message"),
    "campaign_contact": Words("营销触达", "Campaign contact"),
    "campaign_response": Words("营销反馈", "Campaign response"),
    "product_enquiry": Words("产品咨询", "Product enquiry"),
    "complaint_filed": Words("投诉", "Complaint filed"),
    "complaint_resolved": Words("投诉办结", "Complaint resolved"),
    "satisfaction_rated": Words("满意度评价", "Satisfaction rated"),
    "identity_verified": Words("身份核实", "Identity verified"),
    "trigger_claimed": Words("认领预警", "Trigger claimed"),
    "manager_contact": Words("客户经理联系", "Manager contact"),
    "tier_changed": Words("等级变动", "Tier change"),
    "tier_moved": Words("计数", "Counted"),
    "tier_rerun": Words("重新评定", "Tier run again"),
    "month_restated": Words("追溯重算", "Month restated"),
    "posting_reversed": Words("已冲正", "Reversed"),
    "loan_reversed": Words("贷款已冲正", "Loan reversed"),
    "special_recorded": Words("特殊记录", "Special recorded"),
    "account_days_kept": Words("逐日保留", "Days kept"),
    "integrity_alerted": Words("核对提示", "Integrity alert"),
    "record_refused": Words("记录拒绝", "Record refused"),
    "record_parked": Words("记录搁置", "Record parked"),
    "customer_unparked": Words("解除搁置", "Unparked"),
    "trigger_moved": Words("预警", "Trigger"),
}
"""Lines of the log about a customer: records, and decisions on them."""
