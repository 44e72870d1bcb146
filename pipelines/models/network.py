"""The network that is trained, as torch runs it: a BERT that reads a text for one company.

Belongs here: what it looks at. Keep out: its training (train.py), and the graph that is shipped
(graph.py), which must give the same logits (gate.py).
"""

from typing import Any

import torch
from transformers import BertForSequenceClassification
from transformers.modeling_outputs import SequenceClassifierOutput


class CompanyClassifier(BertForSequenceClassification):  # type: ignore[no-untyped-call]
    """Classifies the mean of the company's tokens (type 1), or of all where none is asked for.

    From the first token alone, as BERT is mostly used, two companies of one headline are hard to
    tell apart: each of their own tokens has already met what is said about it.
    """

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> SequenceClassifierOutput:
        """The logits, shape (batch, classes); the inputs are int64, shape (batch, tokens)."""
        x = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state
        named = token_type_ids * attention_mask
        seen = torch.where(named.sum(1, keepdim=True) > 0, named, attention_mask).to(x.dtype)
        mean = (x * seen[..., None]).sum(1, keepdim=True) / seen.sum(1)[:, None, None]
        pooler: Any = self.bert.pooler
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(pooler(mean))))
