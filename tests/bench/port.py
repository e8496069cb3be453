"""The port that is verified: next to nothing, so that what is measured is what stands around it."""


def render(text: str) -> str:
    return text.upper()
