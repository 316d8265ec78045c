"""The one exception that means: the person who called us can mend this."""


class InputError(ValueError):
    """What was given cannot be used.

    The message is one line for a person: what was wrong, with which file or value, and what
    would be right. Programs print it without a traceback and exit with status 1.
    """
