"""A door in front of a server: shut, or open, or held by somebody who takes visitors in and says nothing."""

import contextlib
import socket
import threading
from typing import Final

_PIECE: Final = 65_536


class Door:
    """See the module. Shut at first: who comes is refused, as by a server that is not up. Use as a context manager."""

    def __init__(self, behind: tuple[str, int]) -> None:
        self._behind = behind
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.came = threading.Event()
        """Somebody was taken in."""
        self._silent = False

    @property
    def port(self) -> int:
        """Where it is, on 127.0.0.1."""
        return int(self._socket.getsockname()[1])

    def open(self, *, silent: bool = False) -> None:
        """Take visitors in. silent: as by a server that stands still."""
        self._silent = silent
        self._socket.listen()
        threading.Thread(target=self._take_in, daemon=True).start()

    def _take_in(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                visitor, _ = self._socket.accept()
                self._held.append(visitor)
                self.came.set()
                if not self._silent:
                    server = socket.create_connection(self._behind)
                    self._held.append(server)
                    for one, other in ((visitor, server), (server, visitor)):
                        threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()

    def __enter__(self) -> "Door":
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._socket, *self._held):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            to.sendall(piece)
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_WR)
