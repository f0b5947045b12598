from __future__ import annotations


class Task:
    """A task that runs when called, and remembers when it was to be run later."""

    def __init__(self, function, name):
        self.function, self.name, self.delayed = function, name, []

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def delay(self, *args, **kwargs):
        self.delayed.append((args, kwargs))


class App:
    def task(self, name=None, **options):
        return lambda function: Task(function, name)


app = App()
