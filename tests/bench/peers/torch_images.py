"""PyTorch's side of the models that look at images."""
from peers.torch_common import *


class Mnist(Task):
    """Batches of MNIST: images [batch, 784] and class numbers."""
    size = 100

    def batches(self, arrays):
        self.x, self.y = (torch.from_numpy(a) for a in arrays[:2])
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
        self.batches(data.mnist(as_bytes="bytes" in self.setting))


class MnistDeep500(MnistDeep):
    size = 500


class MnistDeep5000(MnistDeep):
    size, compiles = 5000, False          # its row is long as it is


class DeepInference1(Inference):
    images, pools, size = True, True, 1

    def build(self):
        self.net = deep_network(self.setting)
        self.x = torch.from_numpy(data.mnist()[2][:self.size].copy())


class DeepInference50(DeepInference1):
    size = 50


class DeepInference1000(DeepInference1):
    size = 1000


class Wide(nn.Module):
    """x W with W as [784, 10]: MKL's gradient of W is another product than nn.Linear's."""

    def __init__(self):
        super().__init__()
        self.W, self.b = nn.Parameter(torch.zeros(784, 10)), nn.Parameter(torch.zeros(10))

    def forward(self, x):
        return torch.addmm(self.b, x, self.W)


class MnistSoftmax(Mnist):
    rate = 0.5
    also = ["wide,foreach", "wide,one_thread,foreach", "one_thread,foreach"]

    def build(self):
        tall = first_values(nn.Linear(784, 10), nn.init.zeros_, 0)
        self.net = Wide() if "wide" in self.setting else tall
        self.batches(data.mnist())

    def optimizer(self):
        return torch.optim.SGD(self.net.parameters(), lr=self.rate, **self.how())


def he_dense(n, units):
    return first_values(nn.Linear(n, units), he_normal)


class Mlp(Mnist):
    rate = staticmethod(cosine(1e-3, 5500))

    def build(self):
        self.net = nn.Sequential(he_dense(784, 512), nn.ReLU(), nn.Dropout(0.5), he_dense(512, 512),
                                 nn.ReLU(), nn.Dropout(0.5), he_dense(512, 10))
        self.batches(data.mnist())


class MnistFit(Mnist):
    """An epoch of `fit` also measures loss and accuracy of each batch, before the step."""

    def build(self):
        self.net = first_values(nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.5),
                                              nn.Linear(128, 10)), tutorial)
        self.batches(data.mnist())
        self.seen = torch.zeros(())

    def loss(self, x, y):
        logits = self.net(x)
        self.seen = (logits.detach().argmax(1) == y).float().mean()
        return F.cross_entropy(logits, y)


class Squash(nn.Module):
    def forward(self, x):
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    def __init__(self, maps):
        super().__init__()
        self.coefficient = nn.Parameter(torch.ones(maps, 1, 1))
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x):
        return F.avg_pool2d(x, 2) * self.coefficient + self.bias


class Lenet5(Mnist):
    size, images = 64, True
    rate = staticmethod(cosine(1e-3, 6 * 860))

    def build(self):
        self.net = first_values(nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)), nn.ConstantPad2d(2, -0.1307 / 0.3081),
            nn.Conv2d(1, 6, 5), Squash(), Subsampling(6), Squash(),
            nn.Conv2d(6, 16, 5), Squash(), Subsampling(16), Squash(),
            nn.Conv2d(16, 120, 5), Squash(), nn.Flatten(),
            nn.Linear(120, 84), Squash(), nn.Linear(84, 10)), tutorial)
        self.batches(data.mnist())

    def loss(self, x, y):
        return F.cross_entropy(self.net((x - 0.1307) / 0.3081), y)


class ResidualBlock(nn.Module):
    def __init__(self, before, filters, strides=1):
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(before, filters, 3, strides, 1, bias=False), nn.BatchNorm2d(filters),
            nn.ReLU(), nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters))
        self.around = nn.Identity()
        if strides != 1 or before != filters:
            self.around = nn.Sequential(nn.Conv2d(before, filters, 1, strides, bias=False),
                                        nn.BatchNorm2d(filters))

    def forward(self, x):
        return F.relu(self.around(x) + self.inner(x))


def residual_network(channels, width, first, second):
    """conv, pool, norm and relu, two blocks of he_normal filters, then the mean and a dense layer."""
    stem = first_values(nn.Conv2d(channels, width, 3, padding=1, bias=False), tutorial)
    blocks = first_values(nn.Sequential(ResidualBlock(width, first),
                                        ResidualBlock(first, second, 2)), he_normal)
    last = first_values(nn.Linear(second, 10), tutorial)
    return nn.Sequential(stem, nn.MaxPool2d(2), nn.BatchNorm2d(width), nn.ReLU(), blocks,
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)


def flipped(x):
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)


class Residual(Mnist):
    """Momentum with weight decay, warm-up and half a cosine."""
    size, images = 64, True

    def optimizer(self):
        return torch.optim.SGD(self.net.parameters(), lr=self.rate(0), momentum=0.9,
                               weight_decay=5e-4, **self.how())


class FashionResnet(Residual):
    rate = staticmethod(warmup(1720, cosine(0.05, 8600 - 1720)))

    def build(self):
        self.net = residual_network(1, 16, 32, 64)
        self.batches(data.fashion())

    def loss(self, x, y):
        return F.cross_entropy(self.net(flipped(x.view(-1, 1, 28, 28))), y)


class Cifar10(Residual):
    def build(self):
        self.net = residual_network(3, 32, 32, 64)
        pictures, labels = data.cifar10()
        steps = 30 * (len(pictures) // self.size)
        self.rate = warmup(steps // 5, cosine(0.05, steps - steps // 5))
        self.batches((pictures, labels))
        self.x = self.x.permute(0, 3, 1, 2)           # channels_last as it is
        if "channels_last" not in self.setting:
            self.x = self.x.contiguous()

    def loss(self, x, y):
        x = self.shifted(flipped(x), 4)
        return F.cross_entropy(self.net((x - 0.47) / 0.25), y)

    @staticmethod
    def shifted(x, by):
        """Each picture moved by up to `by` pixels; zeros come in at the edge."""
        n, c, h, w = x.shape
        padded = F.pad(x, (by, by, by, by)).permute(0, 2, 3, 1)
        row = torch.randint(0, 2 * by + 1, (n, 1)) + torch.arange(h)
        column = torch.randint(0, 2 * by + 1, (n, 1)) + torch.arange(w)
        example = torch.arange(n).view(-1, 1, 1)
        return padded[example, row[:, :, None], column[:, None, :]].permute(0, 3, 1, 2)


class Siamese(Mnist):
    """Pairs are neighbours of the batch in the order of labels, then in that in which they came."""
    size, images, pools = 64, True, True
    rate = staticmethod(cosine(1e-3, 2000))

    def build(self):
        towards = first_values(nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 16, 5, padding=2), *relu_pool(self.setting),
            nn.Conv2d(16, 32, 5, padding=2), *relu_pool(self.setting), nn.Flatten()), tutorial)
        self.net = nn.Sequential(towards, he_dense(7 * 7 * 32, 128), nn.ReLU(),
                                 first_values(nn.Linear(128, 16), tutorial))
        self.batches(data.mnist())

    def batch(self):
        x, y = super().batch()
        order = y.argsort()
        x, y = torch.cat([x[order], x]), torch.cat([y[order], y])
        return x[::2], x[1::2], (y[::2] == y[1::2]).float()

    def loss(self, left, right, same):
        d = ((self.net(left) - self.net(right)).square().sum(1) + 1e-12).sqrt()
        return (0.5 * (same * d * d + (1 - same) * F.relu(1 - d) ** 2)).mean()


class Autoencoder(Mnist):
    rate = staticmethod(cosine(1e-3, 15 * 550))

    def build(self):
        self.net = nn.Sequential(
            he_dense(784, 512), nn.ReLU(), he_dense(512, 256), nn.ReLU(), he_dense(256, 30),
            he_dense(30, 256), nn.ReLU(), he_dense(256, 512), nn.ReLU(), he_dense(512, 784),
            nn.Sigmoid())
        self.batches(data.mnist())

    def batch(self):
        return super().batch()[:1]

    def loss(self, x):
        return (self.net(x) - x).square().sum(1).mean()
