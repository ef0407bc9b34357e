#!/usr/bin/python3
"""The MES of deploy/mes-example on a bad day: it is slow, loses questions and answers, hears some
twice and late, and is killed at the worst moments. The database is all that it keeps.

    faulty_mes.py --database mes.db --listen unix:mes.sock --seed 1 --faults 30
"""
import os
import pathlib
import random
import signal
import sys
import threading
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy/mes-example"))
import mes  # noqa: E402  (the path is given just above)

DEADLINE = 0.4  # gangd's, in station.toml


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class FaultyBooks(mes.Books):
    """Dies before a transaction ends, now and then."""

    def __init__(self, file, chance):
        super().__init__(file)
        self.chance = chance
        self.database.execute("CREATE TABLE IF NOT EXISTS heard(what TEXT)")

    def within(self, work, request):
        def and_die(told):
            answer = work(told)
            self.database.execute("INSERT INTO heard VALUES(?)", (work.__name__,))
            if self.chance(0.2):
                die()
            return answer
        return super().within(and_die, request)


class FaultyMes(mes.Mes):
    def __init__(self, books, chance, dice):
        super().__init__(books)
        self.chance = chance
        self.dice = dice

    def answer(self, work, request, context):
        if self.chance(0.2):
            die()
        if self.chance(1):
            context.abort(grpc.StatusCode.UNAVAILABLE, "the question was lost")
        if self.chance(1):
            time.sleep(self.dice.uniform(0, 2 * DEADLINE))
        if self.chance(1):
            late = threading.Timer(self.dice.uniform(0, 1), self.again, (work, request))
            late.daemon = True
            late.start()
        answer = super().answer(work, request, context)
        if self.chance(0.5):
            die()
        if self.chance(1):
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
        return answer

    def again(self, work, request):
        try:
            self.books.within(work, request)
        except mes.Refusal:
            pass


def main():
    seed, faults = (sys.argv.pop(sys.argv.index(f"--{name}") + 1) for name in ("seed", "faults"))
    sys.argv.remove("--seed")
    sys.argv.remove("--faults")
    dice = random.Random(int(seed))

    def chance(weight):
        return dice.uniform(0, 1000) < weight * int(faults)
    options = mes.arguments()
    mes.serve(FaultyMes(FaultyBooks(options.database, chance), chance, dice), options)


if __name__ == "__main__":
    main()
