"""The one exception that means "what you asked for cannot be done, and here is why"."""


class UserError(ValueError):
    """Something a user can put right: the message is one plain sentence that names the value and what is allowed.

    The command line prints it without a traceback and ends with exit code 2.
    """
