"""TensorFlow's side of graphs of many small nodes."""
import itertools

from peers.tensorflow_common import *


class Layers7(Task):
    layers = 7

    def build(self):
        self.parts = [self.dense(32, 32) for _ in range(self.layers)]
        self.x = tf.random.normal([16, 32])
        self.order = itertools.repeat(np.zeros(1, np.int64))

    def gather(self, rows):
        return (self.x,)

    def loss(self, x):
        for part in self.parts:
            x = tf.tanh(part(x))
        return tf.reduce_mean(x * x)

    def update(self, slopes, rate, t):
        for w, g in zip(self.weights, slopes):
            tf.raw_ops.ResourceApplyGradientDescent(var=w.handle, alpha=1e-3, delta=g)


class Layers70(Layers7):
    layers = 70


class Layers700(Layers7):
    layers = 700
