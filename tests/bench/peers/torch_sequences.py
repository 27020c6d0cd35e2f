"""PyTorch's side of the models that read sequences or patches."""
from peers.torch_common import *
from peers.torch_images import Mnist


class Reader(nn.Module):
    """nn.LSTM with the first values of stdlib/recurrent.nn: one bias, 1 at the forget gate."""

    def __init__(self, inputs, units, outputs, last):
        super().__init__()
        self.lstm, self.last = nn.LSTM(inputs, units, batch_first=True), last
        nn.init.zeros_(self.lstm.bias_hh_l0)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.ones_(self.lstm.bias_ih_l0.data[units:2 * units])
        self.out = first_values(nn.Linear(units, outputs), tutorial)

    def forward(self, x):
        y = self.lstm(x)[0]
        return self.out(y[:, -1] if self.last else y)


class MnistLstm(Mnist):
    rate, clip = staticmethod(cosine(2e-3, 2750)), 1.0

    def build(self):
        self.net = nn.Sequential(nn.Unflatten(1, (28, 28)), Reader(28, 128, 10, True))
        self.batches(data.mnist())


class Text(Task):
    size = 64

    def batches(self):
        self.x, self.y = map(torch.from_numpy, data.sentences(10000))
        self.order = data.orders(10000, self.size)

    def batch(self):
        rows = torch.from_numpy(next(self.order))
        return self.x.index_select(0, rows), self.y.index_select(0, rows)

    def loss(self, x, y):
        return F.cross_entropy(self.net(x).flatten(0, 1), y.flatten())


def embedding(count, size):
    e = nn.Embedding(count, size)
    truncated(e.weight, 0.1)
    return e


class CharLstm(Text):
    rate, clip = staticmethod(cosine(5e-3, 1500)), 1.0

    def build(self):
        count = len(data.ALPHABET)
        self.net = nn.Sequential(embedding(count, 32), Reader(32, 128, count, False))
        self.batches()


def glorot(module):
    return first_values(module, nn.init.xavier_uniform_, 0)


class Attention(nn.Module):
    """Causal attention by PyTorch's fused operation; queries, keys and values in one product."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.out = heads, glorot(nn.Linear(width, width))
        self.all = nn.Linear(width, 3 * width)
        for part in self.all.weight.data.chunk(3):
            nn.init.xavier_uniform_(part)
        nn.init.zeros_(self.all.bias)

    def forward(self, x):
        b, t, n = x.shape
        q, k, v = self.all(x).view(b, t, 3, self.heads, n // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(b, t, n))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attend = nn.Sequential(nn.LayerNorm(width), Attention(width, heads))
        self.feed = nn.Sequential(nn.LayerNorm(width), glorot(nn.Linear(width, 4 * width)),
                                  nn.GELU(), glorot(nn.Linear(4 * width, width)))

    def forward(self, x):
        x = x + self.attend(x)
        return x + self.feed(x)


class Transformer(nn.Module):
    def __init__(self, count, width=64, heads=4, blocks=2):
        super().__init__()
        self.embed = embedding(count, width)
        self.places = nn.Parameter(0.02 * torch.randn(data.LENGTH, width))
        last = first_values(nn.Linear(width, count), tutorial)
        self.rest = nn.Sequential(*(Block(width, heads) for _ in range(blocks)),
                                  nn.LayerNorm(width), last)

    def forward(self, x):
        return self.rest(self.embed(x) + self.places)


class CharTransformer(Text):
    size = 32
    rate = staticmethod(warmup(100, cosine(3e-3, 1500)))

    def build(self):
        self.net = Transformer(len(data.ALPHABET))
        self.batches()


class MixerBlock(nn.Module):
    def __init__(self, patches=16, width=64, tokens=64, channels=128):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across = glorot(nn.Sequential(nn.Linear(patches, tokens), nn.GELU(),
                                           nn.Linear(tokens, patches)))
        self.within = glorot(nn.Sequential(nn.Linear(width, channels), nn.GELU(),
                                           nn.Linear(channels, width)))

    def forward(self, x):
        x = x + self.across(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.norm2(x))


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        # dense(width, weights=glorot_uniform) has the bias 0.1
        first = first_values(nn.Linear(49, 64), nn.init.xavier_uniform_)
        self.mix = nn.Sequential(first, *(MixerBlock() for _ in range(4)), nn.LayerNorm(64))
        self.last = first_values(nn.Linear(64, 10), nn.init.zeros_)

    def forward(self, x):
        x = x.reshape(-1, 4, 7, 4, 7).permute(0, 1, 3, 2, 4).reshape(-1, 16, 49)
        return self.last(self.mix(x).mean(1))


class MlpMixer(Mnist):
    rate = staticmethod(warmup(100, cosine(2e-3, 5 * 550 - 100)))

    def build(self):
        self.net = Mixer()
        self.batches(data.mnist())
