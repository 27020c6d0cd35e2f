"""TensorFlow's side of the models that look at images."""
from peers.tensorflow_common import *


def crossed(logits, y):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))


class Mnist(Task):
    """Batches of MNIST: images [batch, 784] and class numbers."""
    size = 100

    def batches(self, arrays):
        x = np.round(arrays[0] * 255).astype(np.uint8) if "bytes" in self.setting else arrays[0]
        self.x, self.y = tf.constant(x), tf.constant(arrays[1])
        self.order = data.orders(len(x), self.size)

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
        self.batches(data.mnist())


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
