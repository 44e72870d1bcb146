"""The sentiment agent: texts in, a model's scores out.

Keep out: models (models/), and what is made of their scores (analyses/sentiment).
"""

from functools import partial

from pipelines.agents import wire
from pipelines.agents.service import Analysis, Prepared
from pipelines.models.choice import provider_of
from pipelines.models.provider import Provider, Reading

NAME = "sentiment-analysis"


def analysis(provider_name: str) -> Analysis:
    """What the agent serves; its model is loaded before it is ready."""
    return Analysis(
        name=NAME,
        description="The sentiment of texts about companies, with the model that gave it.",
        request=wire.SentimentRequest,
        reply=wire.SentimentReply,
        prepare=lambda: prepared(provider_of(provider_name)),
    )


def prepared(provider: Provider) -> Prepared:
    """The agent of a loaded model; the first reading is slower, so one is done now."""
    provider.read([Reading("Shares rise.")])
    cut_off = provider.trained_until.isoformat() if provider.trained_until else ""
    model = {"provider": provider.name, "model_hash": provider.model_hash, "trained_until": cut_off}
    return Prepared(partial(answer, provider), model)


def answer(provider: Provider, request: wire.SentimentRequest) -> wire.SentimentReply:
    """The provider's scores, in the order of the texts; RefusedError if another model is meant."""
    if request.model_hash not in {None, provider.model_hash}:
        raise wire.RefusedError(
            wire.OTHER_MODEL, f"this agent has {provider.name}, model {provider.model_hash}"
        )
    found = provider.read([Reading(each.text, each.about) for each in request.readings])
    return wire.SentimentReply(
        provider=provider.name,
        model_hash=provider.model_hash,
        trained_until=provider.trained_until,
        scores=[
            wire.TextScore(
                negative=each.negative,
                neutral=each.neutral,
                positive=each.positive,
                score=each.score,
                confidence=each.confidence,
                abstained=each.abstained,
            )
            for each in found
        ],
    )
