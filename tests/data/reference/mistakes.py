"""Writes mistakes.txt: what PyTorch says of the mistakes that grammar/errors.md lists, made in its language.

    python3 mistakes.py > mistakes.txt        (PyTorch 1.13.1)
"""
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(784, 10)

    def forward(self, x, keep_prob):
        return F.dropout(self.dense(x), 1 - keep_prob)


def disconnected():
    used, cut = nn.Linear(10, 10), nn.Linear(10, 10)
    step = torch.optim.SGD([*used.parameters(), *cut.parameters()], 0.1)
    y = used(torch.rand(5, 10))
    (y.mean() + cut(y).argmax(1).float().mean()).backward()
    step.step()
    assert cut.weight.grad is None


def not_a_number():
    w = torch.ones(2, requires_grad=True)
    step = torch.optim.SGD([w], 0.1)
    loss = torch.log(torch.tensor([[1.0, 1.0], [1.0, -1.0]]) * w).mean()
    loss.backward()
    step.step()
    assert loss.isnan() and not w.eq(1).any()


mistakes = {
    "inner sizes": lambda: torch.rand(50, 1024) @ torch.rand(3136, 1024),
    "a missing flatten": lambda: nn.Linear(3136, 1024)(torch.rand(50, 7, 7, 64)),
    "labels of the other kind": lambda: F.cross_entropy(torch.rand(50, 10), torch.rand(50)),
    "typo in a name": lambda: sofmax(torch.rand(50, 10)),
    "typo in an argument": lambda: nn.Conv2d(1, 32, kernal_size=5),
    "unfed placeholder": lambda: Net()(torch.rand(5, 784)),
    "softmax twice": lambda: F.cross_entropy(F.softmax(torch.rand(50, 10), 1), torch.randint(0, 10, (50,))),
    "both sides stretch": lambda: (torch.rand(50, 1) - torch.rand(50)).mean(),
    "both sides stretch, in mse_loss": lambda: F.mse_loss(torch.rand(50, 1), torch.rand(50)),
    "disconnected variable": disconnected,
    "NaN": not_a_number,
}

for name, make in mistakes.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            make()
            said = "; ".join(f"warning: {w.message}" for w in caught) or "nothing"
        except Exception as e:
            said = f"{type(e).__name__}: {e}"
    print(f"{name}: {said}")
