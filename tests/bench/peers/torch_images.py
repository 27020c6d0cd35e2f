"""PyTorch's side of the models that look at images."""
from peers.torch_common import *


class Mnist(Task):
    """Batches of MNIST: images [batch, 784] and class numbers."""
    size = 100

    def batches(self, arrays):
        self.x, self.y = (torch.from_numpy(a) for a in arrays[:2])
        if "bytes" in self.setting:
            self.x = (self.x * 255).round().to(torch.uint8)
        self.order = data.orders(len(self.x), self.size)

    def batch(self):
        rows = torch.from_numpy(next(self.order))
        x = self.x.index_select(0, rows)
        return x if x.dtype == torch.float else x * (1 / 255), self.y.index_select(0, rows)

    def loss(self, x, y):
        return F.cross_entropy(self.net(x), y)


def deep_network(setting):
    return first_values(nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 32, 5, padding=2), *relu_pool(setting),
        nn.Conv2d(32, 64, 5, padding=2), *relu_pool(setting),
        nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(1024, 10)), tutorial)


class MnistDeep(Mnist):
    size, rate, images, pools = 50, 1e-4, True, True

    def build(self):
        self.net = deep_network(self.setting)
        self.batches(data.mnist())


class MnistDeep500(MnistDeep):
    size = 500


class MnistDeep5000(MnistDeep):
    size = 5000


class DeepInference1(Inference):
    images, pools, size = True, True, 1

    def build(self):
        self.net = deep_network(self.setting)
        self.x = torch.from_numpy(data.mnist()[2][:self.size].copy())


class DeepInference50(DeepInference1):
    size = 50


class DeepInference1000(DeepInference1):
    size = 1000


class MnistSoftmax(Mnist):
    rate = 0.5

    def build(self):
        self.net = first_values(nn.Linear(784, 10), nn.init.zeros_, 0)
        self.batches(data.mnist())

    def optimizer(self):
        return torch.optim.SGD(self.net.parameters(), lr=self.rate, **self.how())
