"""PyTorch's side of graphs of many small nodes."""
from peers.torch_common import *


class Layers7(Task):
    layers = 7

    def build(self):
        parts = []
        for _ in range(self.layers):
            parts += [nn.Linear(32, 32), nn.Tanh()]
        self.net = first_values(nn.Sequential(*parts), tutorial)
        self.x = torch.randn(16, 32)

    def batch(self):
        return (self.x,)

    def loss(self, x):
        h = self.net(x)
        return (h * h).mean()

    def optimizer(self):
        return torch.optim.SGD(self.net.parameters(), lr=1e-3, **self.how())


class Layers70(Layers7):
    layers = 70


class Layers700(Layers7):
    layers = 700
