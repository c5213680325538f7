"""What a person who runs the program did or met: told in one line, never as a traceback."""


class UserError(Exception):
    """A wrong call: what is wrong, where, and what to do about it. Exit code 2 (CONTRACT §4)."""

    exit_code = 2

    def __init__(self, what: str, where: str = "", do: str = "") -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.what, self.where, self.do = what, where, do

    def __str__(self) -> str:
        return f"{self.args[0]}; {self.do}" if self.do else str(self.args[0])


class FoundWrong(UserError):
    """The call was right and what it looked at is not. Exit code 1 (CONTRACT §4)."""

    exit_code = 1
