"""PyTorch's side of the models whose data the script makes."""
import csv
import os

from peers.torch_common import *

PI = math.pi


def dense(n, units):
    return first_values(nn.Linear(n, units), tutorial)


class LinearRegression(Task):
    """Two numbers and six bodies: what a step costs when there is nothing to compute."""
    rate = 0.2

    def build(self):
        with open(os.path.join(data.TOP, "models", "planets.csv")) as table:
            rows = list(csv.DictReader(table))[:6]
        self.x, self.y = (torch.tensor([float(r[c]) for r in rows])
                          for c in ("axis_au", "period_years"))
        self.net = nn.ParameterList([torch.tensor(1.0), torch.tensor(0.0)])

    def batch(self):
        return self.x, self.y

    def loss(self, x, y):
        return (self.net[0] * x.log() + self.net[1] - y.log()).square().mean()

    def optimizer(self):
        return torch.optim.SGD(self.net.parameters(), lr=self.rate, **self.how())


class LogisticRegression(LinearRegression):
    rate = 2.0

    def build(self):
        with open(os.path.join(data.TOP, "models", "orings.csv")) as table:
            rows = list(csv.DictReader(table))
        x, self.y = (torch.tensor([float(r[c]) for r in rows]) for c in ("temperature", "distress"))
        self.x = (x - x.mean()) / x.std(unbiased=False)
        self.net = nn.ParameterList([torch.tensor(0.0), torch.tensor(0.0)])

    def loss(self, x, y):
        return F.binary_cross_entropy_with_logits(self.net[0] * x + self.net[1], y)


class MixtureDensity(Task):
    rate = staticmethod(cosine(0.02, 4000))

    def build(self):
        self.net = nn.Sequential(dense(1, 20), nn.Tanh(), dense(20, 9))
        self.t = torch.rand(1000, 1)
        self.x = self.t + 0.3 * torch.sin(2 * PI * self.t) + torch.empty(1000, 1).uniform_(-0.1, 0.1)

    def batch(self):
        return self.x, self.t

    def loss(self, x, t):
        scores, means, log_widths = self.net(x).chunk(3, 1)
        log_normals = (-0.5 * ((t - means) / log_widths.exp()) ** 2 - log_widths -
                       0.5 * math.log(2 * PI))
        return -torch.logsumexp(scores.log_softmax(1) + log_normals, 1).mean()


class NeuralOde(Task):
    """The ODE's step alone, not that of the network of the time beside it."""
    rate = staticmethod(cosine(0.01, 3000))
    dt = 0.025

    def build(self):
        self.net = nn.Sequential(dense(2, 50), nn.Tanh(), dense(50, 2))
        a = torch.tensor([[-0.1, 2], [-2, -0.1]])
        with torch.no_grad():
            self.truth = self.path(lambda y: y @ a, torch.tensor([[2.0, 0]]), 1000)[:600, 0]

    def path(self, velocity, y, n):
        places, dt = [y], self.dt
        for _ in range(n - 1):
            k1 = velocity(y)
            k2 = velocity(y + dt / 2 * k1)
            k3 = velocity(y + dt / 2 * k2)
            k4 = velocity(y + dt * k3)
            y = y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            places.append(y)
        return torch.stack(places)

    def batch(self):
        return (self.truth[torch.arange(20)[:, None] + torch.randint(0, 580, (50,))],)

    def loss(self, piece):
        return (self.path(self.net, piece[0], 20) - piece).abs().mean()


def tasks(count, shots=10):
    amplitude = torch.empty(count, 1, 1).uniform_(0.1, 5)
    phase = torch.empty(count, 1, 1).uniform_(0, PI)

    def sample():
        x = torch.empty(count, shots, 1).uniform_(-5, 5)
        return x, amplitude * torch.sin(x - phase)
    return sample() + sample()


def task_errors(w, x, y):
    h = F.relu(x @ w[0] + w[1])
    h = F.relu(h @ w[2] + w[3])
    return (h @ w[4] + w[5] - y).square().mean((1, 2))


def adapted(weights, x, y, steps, rate):
    own = [w.repeat(len(x), 1, 1) for w in weights]
    for _ in range(steps):
        slopes = torch.autograd.grad(task_errors(own, x, y).sum(), own, create_graph=True)
        own = [w - rate * s for w, s in zip(own, slopes)]
    return own


class Maml(Task):
    """The step through a step. torch.compile does not take gradients within what it compiles."""
    compiles = False

    def build(self):
        parts = []
        for a, b in ((1, 40), (40, 40), (40, 1)):
            parts += [truncated(torch.empty(1, a, b), 0.3), torch.zeros(1, 1, b)]
        self.net = nn.ParameterList(parts)

    def batch(self):
        return tasks(25)

    def loss(self, x, y, asked_x, asked_y):
        own = adapted(list(self.net), x, y, 1, 0.01)
        return task_errors(own, asked_x, asked_y).mean()


class RealNvp(Task):
    rate = staticmethod(cosine(5e-3, 5000))

    def build(self):
        self.net = nn.ModuleList([nn.Sequential(dense(1, 32), nn.Tanh(), dense(32, 32), nn.Tanh(),
                                                dense(32, 2)) for _ in range(8)])

    def batch(self):
        angle, which = PI * torch.rand(500), torch.rand(500) < 0.5
        centre = torch.stack([torch.where(which, angle.cos(), 1 - angle.cos()),
                              torch.where(which, angle.sin(), 0.5 - angle.sin())], 1)
        return (centre + 0.1 * torch.randn(500, 2),)

    def loss(self, x):
        stretch = 0
        for i, inner in enumerate(self.net):
            kept = i % 2
            h = inner(x[:, kept:kept + 1])
            scale, other = h[:, 0].tanh(), x[:, 1 - kept]
            pair = [x[:, 0], other * scale.exp() + h[:, 1]]
            x = torch.stack(pair if kept == 0 else [pair[1], x[:, 1]], 1)
            stretch = stretch + scale
        return (x.square().sum(1) / 2 + math.log(2 * PI) - stretch).mean()


class KarateGcn(Task):
    """34 nodes as one dense matrix, as the script has them; what is random stands for its edges."""
    rate = 0.02

    def build(self):
        friends = (torch.rand(34, 34) < 0.14).float().triu(1)
        a = friends + friends.t() + torch.eye(34)
        degree = a.sum(1)
        self.a = a / (degree[:, None] * degree).sqrt()
        self.net = nn.ModuleList([dense(34, 8), dense(8, 8), dense(8, 2)])
        self.known, self.side = torch.tensor([0, 33]), torch.tensor([1, 0])

    def batch(self):
        return (torch.eye(34),)

    def loss(self, h):
        for i, part in enumerate(self.net):
            h = self.a @ part(h)
            h = h.tanh() if i < 2 else h
        return F.cross_entropy(h[self.known], self.side)


class CartPole(Task):
    """20 episodes of 500 steps; compiled, 500 steps are unrolled, which takes minutes."""
    compiles, rate = False, 0.01

    def build(self):
        self.net = nn.Sequential(dense(4, 32), nn.Tanh(), dense(32, 1))

    @staticmethod
    def move(s, push):
        x, v, angle, turning = s.unbind(1)
        mass, pole = 1.1, 0.05
        inert = 0.5 * (4 / 3 - 0.1 * angle.cos() ** 2 / mass)
        pushed = (push + pole * turning ** 2 * angle.sin()) / mass
        turned = (9.8 * angle.sin() - angle.cos() * pushed) / inert
        shifted = pushed - pole * turned * angle.cos() / mass
        return torch.stack([x + 0.02 * v, v + 0.02 * shifted, angle + 0.02 * turning,
                            turning + 0.02 * turned], 1)

    def batch(self):
        with torch.no_grad():
            s, going = torch.empty(20, 4).uniform_(-0.05, 0.05), torch.ones(20, dtype=torch.bool)
            before, right, alive = [], [], []
            for _ in range(500):
                to_right = torch.rand(20) < self.net(s)[:, 0].sigmoid()
                before.append(s)
                right.append(to_right)
                alive.append(going)
                s = self.move(s, torch.where(to_right, 10.0, -10.0))
                going = going & (s[:, 0].abs() < 2.4) & (s[:, 2].abs() < 12 / 180 * PI)
        return torch.stack(before), torch.stack(right), torch.stack(alive).float()

    def loss(self, before, right, alive):
        ahead = alive.flip(0).cumsum(0).flip(0)
        usual = (ahead * alive).sum(1) / alive.sum(1).clamp(min=1)
        advantage = (ahead - usual[:, None]) * alive
        logits = self.net(before)[..., 0]
        chosen = -F.softplus(torch.where(right, -logits, logits))
        return -(chosen * advantage / 500).sum() / alive.sum()
