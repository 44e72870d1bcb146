"""Turn the signals that mean "stop" into an event that loops look at.

Belongs here: signal handlers of this process.
Keep out: what stopping means.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM or SIGHUP sets, even where our parent ignored SIGINT.

    A SIGHUP that was ignored on purpose (nohup) stays ignored.
    """
    stop = threading.Event()
    numbers = [*STOPPING]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
