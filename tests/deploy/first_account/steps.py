"""Questions, their answers, and a stack of what has to be undone."""

import threading
import time
import traceback


class Differs(Exception):
    """AWS did something else than the project expects. The text says what was seen."""


class NotPossible(Exception):
    """The question cannot be answered here. The text says why."""


QUESTIONS = []


def question(text, about=None):
    """Marks a function that answers a question: it returns if AWS does what the project expects, or raises one of the two errors above.

    `about`: the part of AWS that the question is about, if the emulator has only a stand-in for it. On the emulator the function runs all
    the same, so that it is tested, but what it finds is never an answer.
    """

    def register(function):
        QUESTIONS.append((function.__name__, text, about, function))
        return function

    return register


class Record:
    def __init__(self, emulated):
        self.emulated = emulated
        self.answers = []

    def ask(self, name, text, about, function, run):
        run.seen, started = {}, time.time()
        try:
            function(run)
            result, why = "ok", ""
        except Differs as difference:
            result, why = "differs", str(difference)
        except NotPossible as reason:
            result, why = "not possible here", str(reason)
        except Exception as error:  # one failing question must not stop the next one
            result, why = "differs", f"{type(error).__name__}: {error}"
            run.seen["error"] = traceback.format_exc()
            about = None
        if self.emulated and about and result != "not possible here":
            saw = "what is expected" if result == "ok" else why
            result, why = "not possible here", f"this needs {about}. The emulator did: {saw}"
        self.answers.append(
            {
                "question": name,
                "text": text,
                "result": result,
                "why": why,
                "seen": run.seen,
                "from_s": round(started - run.started, 1),
                "seconds": round(time.time() - started, 1),
            }
        )
        one_line = " ".join(why.split())
        print(f"{name}: {result}{': ' if why else ''}{one_line[:600]}", flush=True)

    def differs(self):
        return [one["question"] for one in self.answers if one["result"] == "differs"]


class Cleanup:
    """What has to be undone, in reverse order. Register each action before the thing exists: an interruption can come at any line. So an
    action must also succeed if there is nothing to undo."""

    def __init__(self):
        self._actions = []

    def add(self, description, action):
        self._actions.append((description, action))

    def run(self):
        """Returns the descriptions of what could not be undone."""
        failed = []
        while self._actions:
            description, action = self._actions.pop()
            print(f"cleaning up: {description}", flush=True)
            try:
                action()
            except Exception as error:
                failed.append(f"{description}: {type(error).__name__}: {error}")
        return failed


class Later:
    """A function that runs while the script does something else."""

    def __init__(self, function):
        self._result, self._error = None, None

        def body():
            try:
                self._result = function()
            except Exception as error:
                self._error = error

        self._thread = threading.Thread(target=body, daemon=True)
        self._thread.start()

    def result(self, seconds):
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise NotPossible(f"it has not ended after {seconds} s")
        if self._error:
            raise self._error
        return self._result


def wait_until(condition, seconds, pause=2):
    """The condition's first true value. After the time limit, its last value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(pause)
    return value
