"""A provider by its name in the settings: the shipped model, the lexicon, or any other model.

Keep out: any of them.
"""

from datetime import date

from pipelines.models.provider import Provider


def provider_of(name: str, threads: int = 1, trained_until: date | None = None) -> Provider:
    """The provider of that name, or ModelError.

    `finance_minilm` is the shipped model and `lexicon` the list of words; anything else is a
    model of Hugging Face by name or folder, of which `trained_until` states the cut-off. Models
    run on that many threads.
    """
    from pipelines.models.lexicon import Lexicon
    from pipelines.models.shipped import NAME, shipped

    if name == NAME:
        return shipped(threads)
    if name == Lexicon.name:
        return Lexicon()
    from pipelines.models.hugging_face import hugging_face

    return hugging_face(name, threads, trained_until)
