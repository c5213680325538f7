"""Names that belong to nobody: people, employers, banks, platforms and branches of the simulated city."""

from dataclasses import dataclass
from typing import Final

from guanxi.simulator.chance import Chance

SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英华玉梅建国春雪晓东志远思雨佳怡文博子涵宇轩海燕红卫秀珍"

EMPLOYERS: Final = (
    "海东纺织有限公司", "北岭机械厂", "清河县第二中学", "城南人民医院", "青石建筑公司", "东湖物流公司",
    "白杨软件公司", "金穗粮油公司", "江口港务公司", "南山中心小学", "云溪旅游公司", "长桥食品厂",
)  # fmt: skip
PENSION_OFFICE: Final = "清河县社会保险中心"
OTHER_BANKS: Final = ("甲市商业银行", "乙县农商银行", "丙省银行", "丁江银行")
PLATFORMS: Final = ("支付平台甲", "支付平台乙", "支付平台丙")
MANAGERS: Final = tuple(f"M{number:02d}" for number in range(1, 13))
"""Customer managers."""
GRANT_REASONS: Final = ("重点企业负责人", "代发工资单位财务主管", "社区推荐客户", "重大业务合作方")


@dataclass(frozen=True, slots=True)
class District:
    """A part of the city: its name, the codes of the bank's branches in it, its share of the customers in 100."""

    name: str
    branches: tuple[str, ...]
    share: int
    rural: bool
    """People there pay in cash more often and earn less."""


DISTRICTS: Final = (
    District("城中区", ("0101", "0102", "0103"), 30, rural=False),
    District("高新区", ("0201", "0202"), 16, rural=False),
    District("江口区", ("0301", "0302"), 18, rural=False),
    District("清河县", ("0401", "0402", "0403"), 22, rural=True),
    District("北岭县", ("0501", "0502"), 14, rural=True),
)
"""The first two digits of a branch code are the district, and every account number begins with its branch."""


def person(chance: Chance) -> str:
    """A personal name of two or three characters."""
    given = chance.one(GIVEN) + (chance.one(GIVEN) if chance.hits(650) else "")
    return chance.one(SURNAMES) + given


def account_number(chance: Chance) -> str:
    """A number as an account of another bank might have; the prefix is not in use."""
    return f"9990{chance.below(10**8):08d}{chance.below(10**7):07d}"
