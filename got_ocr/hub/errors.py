"""What goes wrong before anything is read: a checkpoint or a device that can't be used."""


class ModelError(ValueError):
    """A checkpoint or a device can't be used; one line says why and what to do.

    Everything that loads a model for people (command line, evaluation, servers, bulk jobs) raises this one, and the
    command line has an exit code of its own for it.
    """


def one_line(error: BaseException, limit: int = 400) -> str:
    """What an exception says, as one line.

    Args:
        error: Any exception.
        limit: Longest line; the rest is left out.

    Returns:
        The line; the exception's name where it says nothing.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else f"{text[: limit - 4]} ..."
