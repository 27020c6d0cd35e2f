"""TensorFlow's side of the models that look at images."""
from peers.tensorflow_common import *


def crossed(logits, y):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))


class Mnist(Task):
    """Batches of MNIST: images [batch, 784] and class numbers."""
    size = 100

    def batches(self, arrays):
        self.x, self.y = tf.constant(arrays[0]), tf.constant(arrays[1])
        self.order = data.orders(len(arrays[0]), self.size)

    def gather(self, rows):
        x = tf.gather(self.x, rows)
        if x.dtype == tf.uint8:
            x = tf.cast(x, tf.float32) * (1 / 255)
        return x, tf.gather(self.y, rows)

    def loss(self, x, y):
        return crossed(self.net(x), y)


def deep_network(task, training):
    one, two = task.conv(1, 32, 5), task.conv(32, 64, 5)
    wide, last = task.dense(7 * 7 * 64, 1024), task.dense(1024, 10)

    def net(x):
        x = tf.nn.max_pool2d(tf.nn.relu(one(tf.reshape(x, [-1, 28, 28, 1]))), 2, 2, "SAME")
        x = tf.nn.max_pool2d(tf.nn.relu(two(x)), 2, 2, "SAME")
        x = tf.nn.relu(wide(tf.reshape(x, [-1, 7 * 7 * 64])))
        return last(tf.nn.dropout(x, 0.5) if training else x)
    return net


class MnistDeep(Mnist):
    size, rate = 50, 1e-4

    def build(self):
        self.net = deep_network(self, True)
        self.batches(data.mnist(as_bytes="bytes" in self.setting))


class MnistDeep500(MnistDeep):
    size = 500


class MnistDeep5000(MnistDeep):
    size = 5000


class DeepInference1(Inference):
    size = 1

    def build(self):
        self.net = deep_network(self, False)
        self.x = tf.constant(data.mnist()[2][:self.size])


class DeepInference50(DeepInference1):
    size = 50


class DeepInference1000(DeepInference1):
    size = 1000


class MnistSoftmax(Mnist):
    rate = 0.5

    def build(self):
        self.net = self.dense(784, 10, weights=tf.zeros, bias=0)
        self.batches(data.mnist())

    def update(self, slopes, rate, t):
        for w, g in zip(self.weights, slopes):
            tf.raw_ops.ResourceApplyGradientDescent(var=w.handle, alpha=rate, delta=g)


def chain(*parts):
    def net(x):
        for part in parts:
            x = part(x)
        return x
    return net


def dropout(x):
    return tf.nn.dropout(x, 0.5)


class Mlp(Mnist):
    rate = staticmethod(cosine(1e-3, 5500))

    def build(self):
        relu = tf.nn.relu
        self.net = chain(self.dense(784, 512, he_normal), relu, dropout,
                         self.dense(512, 512, he_normal), relu, dropout,
                         self.dense(512, 10, he_normal))
        self.batches(data.mnist())


def squash(x):
    return 1.7159 * tf.tanh(2 / 3 * x)


class Lenet5(Mnist):
    size = 64
    rate = staticmethod(cosine(1e-3, 6 * 860))

    def subsampling(self, maps):
        coefficient, bias = self.variable(tf.ones([maps])), self.variable(tf.zeros([maps]))
        return lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID") * coefficient + bias

    def build(self):
        edge = [[0, 0], [2, 2], [2, 2], [0, 0]]
        self.net = chain(
            lambda x: tf.reshape((x - 0.1307) / 0.3081, [-1, 28, 28, 1]),
            lambda x: tf.pad(x, edge, constant_values=-0.1307 / 0.3081),
            self.conv(1, 6, 5, padding="VALID"), squash, self.subsampling(6), squash,
            self.conv(6, 16, 5, padding="VALID"), squash, self.subsampling(16), squash,
            self.conv(16, 120, 5, padding="VALID"), squash, lambda x: tf.reshape(x, [-1, 120]),
            self.dense(120, 84), squash, self.dense(84, 10))
        self.batches(data.mnist())


class FashionResnet(Mnist):
    """Momentum with weight decay, warm-up and half a cosine."""
    size = 64
    rate = staticmethod(warmup(1720, cosine(0.05, 8600 - 1720)))

    def norm(self, c):
        """With the moving averages that evaluation would use."""
        gamma, beta = self.variable(tf.ones([c])), self.variable(tf.zeros([c]))
        mean, var = (tf.Variable(t([c]), trainable=False) for t in (tf.zeros, tf.ones))

        def apply(x):
            y, m, v, *_ = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=1e-5)
            mean.assign_sub(0.1 * (mean - m))
            var.assign_sub(0.1 * (var - v))
            return y
        return apply

    def block(self, before, c, strides):
        inner = chain(self.conv(before, c, 3, he_normal, None, strides=strides), self.norm(c),
                      tf.nn.relu, self.conv(c, c, 3, he_normal, None), self.norm(c))
        around = chain(self.conv(before, c, 1, he_normal, None, strides=strides), self.norm(c))
        return lambda x: tf.nn.relu(around(x) + inner(x))

    def build(self):
        self.net = chain(self.conv(1, 16, 3, bias=None), lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"),
                         self.norm(16), tf.nn.relu, self.block(16, 32, 1), self.block(32, 64, 2),
                         lambda x: tf.reduce_mean(x, [1, 2]), self.dense(64, 10))
        self.batches(data.fashion())

    def loss(self, x, y):
        x = tf.reshape(x, [-1, 28, 28, 1])
        x = tf.where(tf.random.uniform([self.size, 1, 1, 1]) < 0.5, tf.reverse(x, [2]), x)
        return crossed(self.net(x), y)

    def update(self, slopes, rate, t):
        for w, m, g in zip(self.weights, self.m, slopes):
            tf.raw_ops.ResourceApplyMomentum(var=w.handle, accum=m.handle, lr=rate,
                                             grad=g + 5e-4 * w, momentum=0.9)


class Autoencoder(Mnist):
    rate = staticmethod(cosine(1e-3, 15 * 550))

    def build(self):
        parts, sizes = [], (784, 512, 256, 30, 256, 512, 784)
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            last = {2: tf.identity, 5: tf.sigmoid}.get(i, tf.nn.relu)
            parts += [self.dense(a, b, he_normal), last]
        self.net = chain(*parts)
        self.batches(data.mnist())

    def loss(self, x, y):
        return tf.reduce_mean(tf.reduce_sum(tf.square(self.net(x) - x), 1))


class Vae(Mnist):
    size = 128

    def build(self):
        def dense(a, b):
            return self.dense(a, b, glorot_uniform)
        self.seen = chain(dense(784, 400), tf.nn.relu)
        self.mean, self.log_var = dense(400, 20), dense(400, 20)
        self.decoder = chain(dense(20, 400), tf.nn.relu, dense(400, 784))
        self.batches(data.mnist())

    def loss(self, x, y):
        h = self.seen(x)
        m, v = self.mean(h), self.log_var(h)
        logits = self.decoder(m + tf.exp(v / 2) * tf.random.normal([self.size, 20]))
        pixels = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(x, logits), 1)
        return tf.reduce_mean(pixels + 0.5 * tf.reduce_sum(tf.exp(v) + m * m - 1 - v, 1))
