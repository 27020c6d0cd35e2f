"""What all of TensorFlow's networks share: how one is trained, how it answers, and the settings.

A network is its variables and tf.nn's operations, without Keras between: less is in the way, and
Adam is TensorFlow's one fused operation. A step is one tf.function, the batch's gather included.
Settings: `plain`; `xla` (jit_compile); `many` (ten steps in one call); `bytes` (images are kept as
bytes). `malloc` is for the process, see peer.py. oneDNN is on, the thread pool as large as is asked.
"""
import math
import os

import numpy as np
import tensorflow as tf

from peers import data
from peers.schedules import cosine, warmup

THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
MANY = 10
tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(1)


def version():
    return "TensorFlow " + tf.__version__


def settings_of(task):
    if task.inference:
        return ["plain", "xla"]
    return ["plain", "xla", "many"]


def truncated(shape, stddev=0.1):
    return tf.random.truncated_normal(shape, stddev=stddev)


def he_normal(shape):
    return truncated(shape, math.sqrt(2 / np.prod(shape[:-1])) / 0.87962566103423978)


def glorot_uniform(shape):
    window = np.prod(shape[:-2])
    limit = math.sqrt(6 / (window * (shape[-2] + shape[-1])))
    return tf.random.uniform(shape, -limit, limit)


class Task:
    """A network and its data."""
    inference = False
    rate = 1e-3             # of Adam; a function of the step if it falls
    beta1 = 0.9
    clip = None             # largest norm of all gradients together

    def __init__(self, setting):
        self.setting = set(setting.split(","))
        tf.random.set_seed(1)
        self.weights, self.first_losses, self.done = [], [], 0
        self.build()
        self.ready()

    def ready(self):
        self.m = [tf.Variable(tf.zeros_like(w)) for w in self.weights]
        self.v = [tf.Variable(tf.zeros_like(w)) for w in self.weights]
        learn = tf.function(self.learn, jit_compile="xla" in self.setting)

        @tf.function
        def one(rows, rate, t):
            return learn(rate, t, *self.gather(rows))

        @tf.function
        def several(rows, rates, t):
            losses = tf.TensorArray(tf.float32, MANY)
            for i in tf.range(MANY):
                losses = losses.write(i, one(rows[i], rates[i], t + tf.cast(i, tf.float32)))
            return losses.stack()
        self.one, self.several = one, several

    def variable(self, value):
        self.weights.append(tf.Variable(value))
        return self.weights[-1]

    def dense(self, n, units, weights=truncated, bias=0.1):
        w, b = self.variable(weights([n, units])), self.variable(tf.fill([units], float(bias)))
        return lambda x: tf.nn.bias_add(tf.tensordot(x, w, 1) if len(x.shape) > 2 else x @ w, b)

    def conv(self, channels, filters, size, weights=truncated, bias=0.1, padding="SAME", strides=1):
        w = self.variable(weights([size, size, channels, filters]))
        b = None if bias is None else self.variable(tf.fill([filters], float(bias)))

        def apply(x):
            y = tf.nn.conv2d(x, w, strides, padding)
            return y if b is None else tf.nn.bias_add(y, b)
        return apply

    def learn(self, rate, t, *batch):
        with tf.GradientTape() as tape:
            loss = self.loss(*batch)
        slopes = tape.gradient(loss, self.weights)
        if self.clip:
            slopes, _ = tf.clip_by_global_norm(slopes, self.clip)
        self.update(slopes, rate, t)
        return loss

    def update(self, slopes, rate, t):
        for w, m, v, g in zip(self.weights, self.m, self.v, slopes):
            tf.raw_ops.ResourceApplyAdam(
                var=w.handle, m=m.handle, v=v.handle, beta1_power=self.beta1 ** t,
                beta2_power=0.999 ** t, lr=rate, beta1=self.beta1, beta2=0.999, epsilon=1e-8, grad=g)

    def rate_at(self, step):
        return self.rate(step) if callable(self.rate) else self.rate

    def call(self, k):
        """k steps in one call of TensorFlow."""
        rows = [next(self.order) for _ in range(k)]
        rates = [np.float32(self.rate_at(self.done + i)) for i in range(k)]
        t = tf.constant(self.done + 1.0)
        if k == 1:
            losses = self.one(tf.constant(rows[0]), tf.constant(rates[0]), t)
        else:
            losses = self.several(tf.constant(np.stack(rows)), tf.constant(rates), t)
        if self.done < 200:
            self.first_losses += [losses] if k == 1 else list(losses)
        self.done += k

    def run(self, n):
        while n >= MANY and "many" in self.setting:
            self.call(MANY)
            n -= MANY
        for _ in range(n):
            self.call(1)
        self.weights[0].numpy()

    def mean_loss(self):
        """Over steps 180 to 199, each before what it changes."""
        self.run(max(0, 200 - self.done))
        return float(np.mean([float(l) for l in self.first_losses[180:200]]))


class Inference(Task):
    """Answers of a network, its images in place."""
    inference = True

    def ready(self):
        self.answer = tf.function(self.net, jit_compile="xla" in self.setting)

    def run(self, n):
        for _ in range(n):
            y = self.answer(self.x)
        y.numpy()
