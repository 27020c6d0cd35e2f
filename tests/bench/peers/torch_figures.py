"""Full trainings in PyTorch, and the figures that models/README.md sets beside the scripts' own.

Not for timing: see train.py.
"""
from peers.torch_common import *
from peers.torch_generative import Gan, Unet, Vae, scene
from peers.torch_papers import Maml, adapted, task_errors, tasks
from peers.torch_sequences import MlpMixer, MnistLstm


def test_set():
    _, _, x, y = data.mnist()
    return torch.from_numpy(x), torch.from_numpy(y)


def accuracy(net):
    x, y = test_set()
    return (net(x).argmax(1) == y).float().mean().item()


def mnist_lstm():
    task = MnistLstm("foreach")
    task.run(2750)
    with torch.no_grad():
        print("test accuracy %.4f" % accuracy(task.net))


def mlp_mixer():
    task = MlpMixer("foreach")
    task.run(5 * 550)
    with torch.no_grad():
        print("test accuracy %.4f" % accuracy(task.net))


def vae():
    task = Vae("foreach")
    task.run(10 * 429)
    with torch.no_grad():
        pixels, kl = task.parts(test_set()[0])
    print("test %.2f nats = pixels %.2f + divergence %.2f" % (pixels + kl, pixels, kl))


def unet():
    task = Unet("foreach")
    task.run(2000)
    iou = right = 0
    with torch.no_grad():
        for small in test_set()[0][:2000].view(-1, 28, 28).split(200):
            image, mask = scene(small)
            found, mask = task.net(image[:, None])[:, 0] > 0, mask > 0.5
            iou += ((found & mask).sum((1, 2)) / (found | mask).sum((1, 2))).sum().item() / 2000
            right += (found == mask).float().mean().item() / 10
    print("intersection over union %.3f, pixels right %.4f" % (iou, right))


class PlainMaml(Maml):
    """Trained on all tasks at once, with no step through a step."""

    def loss(self, x, y, asked_x, asked_y):
        return task_errors(list(self.net), x, y).mean()


def maml():
    trained = [(Maml, 0.01), (PlainMaml, 0.001), (PlainMaml, 0.003), (PlainMaml, 0.01)]
    others, done = tasks(1000), {}
    for kind, rate in trained:
        if kind not in done:
            done[kind] = kind("foreach")
            done[kind].run(20000)
        w = list(done[kind].net)
        errors = [task_errors(adapted(w, *others[:2], n, rate), *others[2:]).mean().item()
                  for n in (0, 1, 10)]
        print(kind.__name__, rate, *("%.2f" % e for e in errors))


def judge():
    net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                        nn.Linear(1568, 64), nn.ReLU(), nn.Linear(64, 10))
    moves = torch.optim.Adam(net.parameters(), lr=1e-3)
    x, y = (torch.from_numpy(a) for a in data.mnist()[:2])
    order = data.orders(len(x), 100)
    for _ in range(1000):
        rows = torch.from_numpy(next(order))
        moves.zero_grad()
        F.cross_entropy(net(x[rows].view(-1, 1, 28, 28)), y[rows]).backward()
        moves.step()
    return net


def report(what, p):
    classes = p.mean(0)
    entropy = -(classes * classes.log()).sum()
    score = torch.exp(entropy + (p * (p + 1e-12).log()).sum(1).mean())
    sure = 100 * (p.max(1)[0] > 0.95).float().mean()
    print("%-8s sure of %.1f%%, entropy of classes %.3f, score %.2f" % (what, sure, entropy, score))


def gan():
    classes, task = judge(), Gan("foreach")
    task.run(1200)
    task.make.eval()
    with torch.no_grad():
        x, y = test_set()
        p = F.softmax(classes(x.view(-1, 1, 28, 28)), 1)
        print("the judge is right on %.1f%%" % (100 * (p.argmax(1) == y).float().mean()))
        report("real", p)
        report("samples", F.softmax(classes(task.make(torch.randn(10000, 64))), 1))


FIGURES = {f.__name__: f for f in (mnist_lstm, mlp_mixer, vae, unet, maml, gan)}
