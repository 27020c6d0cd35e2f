"""PyTorch's side of the models that make images or label their pixels."""
from peers.torch_common import *
from peers.torch_images import Mnist


def glorot_dense(n, units):
    return first_values(nn.Linear(n, units), nn.init.xavier_uniform_)


class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = nn.Sequential(glorot_dense(784, 400), nn.ReLU())
        self.mean, self.log_var = glorot_dense(400, 20), glorot_dense(400, 20)
        self.decoder = nn.Sequential(glorot_dense(20, 400), nn.ReLU(), glorot_dense(400, 784))

    def forward(self, x):
        h = self.seen(x)
        m, v = self.mean(h), self.log_var(h)
        return self.decoder(m + torch.exp(v / 2) * torch.randn_like(m)), m, v


class Vae(Mnist):
    size = 128

    def build(self):
        self.net = Coder()
        self.batches(data.mnist())

    def batch(self):
        return super().batch()[:1]

    def parts(self, x):
        logits, m, v = self.net(x)
        pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
        return pixels, (0.5 * (v.exp() + m * m - 1 - v)).sum(1).mean()

    def loss(self, x):
        return sum(self.parts(x))


def generator():
    return first_values(nn.Sequential(
        nn.Linear(64, 3136), nn.Unflatten(1, (64, 7, 7)), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Sigmoid()), normal(0.05))


def critic():
    return first_values(nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1),
        nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(3136, 1)), normal(0.05))


class Gan(Mnist):
    """A step is one of either player; the loss is the critic's."""
    size, images = 64, True

    def build(self):
        self.net = nn.ModuleList([generator(), critic()])
        self.batches(data.mnist())

    def optimizer(self):
        return [torch.optim.Adam(part.parameters(), lr=1e-3, betas=(0.5, 0.999), **self.how())
                for part in self.net]

    def ready(self):
        self.make, self.judge = self.net
        self.g_moves, self.d_moves = self.optimizer()
        self.d_measure, self.g_measure = self.compiled(self.d_loss), self.compiled(self.g_loss)

    def d_loss(self, real, code):
        with torch.no_grad():
            made = self.make(code)
        return F.softplus(-self.judge(real)).mean() + F.softplus(self.judge(made)).mean()

    def g_loss(self, code):
        return F.softplus(-self.judge(self.make(code))).mean()

    def step(self):
        real = super().batch()[0].view(-1, 1, 28, 28)
        self.d_moves.zero_grad(set_to_none=True)
        loss = self.d_measure(real, torch.randn(self.size, 64))
        loss.backward()
        self.d_moves.step()
        self.judge.requires_grad_(False)
        self.g_moves.zero_grad(set_to_none=True)
        self.g_measure(torch.randn(self.size, 64)).backward()
        self.g_moves.step()
        self.judge.requires_grad_(True)
        return loss


class Levels(nn.Module):
    """A U-Net by recursion, as models/unet.nn has it."""

    def __init__(self, before, channels, depth):
        super().__init__()
        self.across, self.depth = self.twice(before, channels), depth
        if depth:
            self.below = Levels(channels, 2 * channels, depth - 1)
            self.up = first_values(nn.ConvTranspose2d(2 * channels, channels, 2, 2), tutorial)
            self.joined = self.twice(2 * channels, channels)

    @staticmethod
    def twice(before, channels):
        layers = []
        for c in (before, channels):
            layers += [nn.Conv2d(c, channels, 3, padding=1), nn.ReLU()]
        return first_values(nn.Sequential(*layers), he_normal)

    def forward(self, x):
        x = self.across(x)
        if not self.depth:
            return x
        return self.joined(torch.cat([x, self.up(self.below(F.max_pool2d(x, 2)))], 1))


def lines(shape, count, length):
    at = torch.randint(0, length - count + 1, shape)
    return F.one_hot(at[..., None] + torch.arange(count), length).float()


def scene(small):
    """Digits among clutter under noise, and which pixels are the digit's."""
    n = len(small)
    digit = torch.einsum("bij,biy,bjx->byx", small, lines((n,), 28, 48), lines((n,), 28, 48))
    cut = torch.einsum("byx,bpiy,bpjx->bpij", small.roll(1, 0), lines((n, 8), 9, 28),
                       lines((n, 8), 9, 28))
    clutter = torch.einsum("bpij,bpiy,bpjx->byx", cut, lines((n, 8), 9, 48), lines((n, 8), 9, 48))
    return (digit + clutter).clamp(max=1) + 0.2 * torch.randn(n, 48, 48), (digit > 0.5).float()


class Unet(Mnist):
    size, images = 16, True
    rate = staticmethod(cosine(3e-3, 2000))

    def build(self):
        self.net = nn.Sequential(Levels(1, 8, 3),
                                 first_values(nn.Conv2d(8, 1, 1), tutorial))
        self.batches(data.mnist())

    def batch(self):
        return scene(super().batch()[0].view(-1, 28, 28))

    def loss(self, image, mask):
        return F.binary_cross_entropy_with_logits(self.net(image[:, None])[:, 0], mask)
