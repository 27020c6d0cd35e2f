"""TensorFlow's side of the models that read sequences or patches."""
from peers.tensorflow_common import *
from peers.tensorflow_images import Mnist, chain, crossed


class Parts(Task):
    """What transformers and mixers are made of."""

    def norm(self, n):
        gamma, beta = self.variable(tf.ones([n])), self.variable(tf.zeros([n]))

        def apply(x):
            m, v = tf.nn.moments(x, -1, keepdims=True)
            return (x - m) * tf.math.rsqrt(v + 1e-5) * gamma + beta
        return apply

    def feed(self, n, width):
        return chain(self.dense(n, width, glorot_uniform, 0),
                     lambda x: tf.nn.gelu(x, approximate=False),
                     self.dense(width, n, glorot_uniform, 0))


class CharTransformer(Parts):
    size, width, heads = 32, 64, 4
    rate = staticmethod(warmup(100, cosine(3e-3, 1500)))

    def attention(self):
        n, heads, t = self.width, self.heads, data.LENGTH
        query, key, value, out = (self.dense(n, n, glorot_uniform, 0) for _ in range(4))
        mask = tf.constant(np.triu(np.full([t, t], -np.inf, np.float32), 1))

        def in_heads(x):
            return tf.transpose(tf.reshape(x, [self.size, t, heads, n // heads]), [0, 2, 1, 3])

        def apply(x):
            q, k, v = in_heads(query(x)), in_heads(key(x)), in_heads(value(x))
            scores = tf.matmul(q, k, transpose_b=True) / math.sqrt(n // heads) + mask
            y = tf.matmul(tf.nn.softmax(scores), v)
            return out(tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [self.size, t, n]))
        return apply

    def build(self):
        count, n = len(data.ALPHABET), self.width
        embed = self.variable(truncated([count, n]))
        places = self.variable(tf.random.normal([data.LENGTH, n], stddev=0.02))
        parts = []
        for _ in range(2):
            parts += [chain(self.norm(n), self.attention()), chain(self.norm(n), self.feed(n, 4 * n))]
        last = chain(self.norm(n), self.dense(n, count))

        def net(ids):
            x = tf.gather(embed, ids) + places
            for part in parts:
                x = x + part(x)
            return last(x)
        self.net = net
        self.x, self.y = map(tf.constant, data.sentences(10000))
        self.order = data.orders(10000, self.size)

    def gather(self, rows):
        return tf.gather(self.x, rows), tf.gather(self.y, rows)

    def loss(self, x, y):
        return crossed(self.net(x), y)


class MlpMixer(Parts, Mnist):
    rate = staticmethod(warmup(100, cosine(2e-3, 5 * 550 - 100)))

    def build(self):
        first = self.dense(49, 64, glorot_uniform)
        blocks = [(self.norm(64), self.feed(16, 64), self.norm(64), self.feed(64, 128))
                  for _ in range(4)]
        last_norm, last = self.norm(64), self.dense(64, 10, tf.zeros)

        def net(x):
            x = tf.transpose(tf.reshape(x, [-1, 4, 7, 4, 7]), [0, 1, 3, 2, 4])
            h = first(tf.reshape(x, [self.size, 16, 49]))
            for norm_1, across, norm_2, within in blocks:
                mixed = across(tf.transpose(norm_1(h), [0, 2, 1]))
                h = h + tf.transpose(mixed, [0, 2, 1])
                h = h + within(norm_2(h))
            return last(tf.reduce_mean(last_norm(h), 1))
        self.net = net
        self.batches(data.mnist())
