"""The table of what is measured: a row, an entry.

`each` is a step of the row in the script's own names. In it KEEP and FETCH stand for nothing while
steps are timed, and for what adds the loss up while it is looked whether the network learns.
"""
import dataclasses


@dataclasses.dataclass
class Row:
    name: str
    what: str                     # for the table
    script: str = ""              # of models/; until, a pattern: where its own loop begins
    until: str = ""
    before: str = ""              # statements before the loop
    each: str = ""                # statements of a step
    whole: str = ""               # instead of a loop: statements that print the seconds of a step
    loss: str = ""                # what is compared after 200 steps; empty: nothing learns
    band: float = 0.2             # the share by which these losses may differ
    arguments: tuple = ()         # params of the script
    data: str = "mnist"           # what $NNRUN_DATA has to have; empty: nothing
    torch: str = ""               # module.class of the peers' networks; empty: not expressed
    tensorflow: str = ""
    goal: float = 0.8             # ratio to the best peer
    plain_malloc: bool = False    # the allocator as installed is tried as well
    quick: bool = False
    best: dict = dataclasses.field(default_factory=dict)     # QUICK=1: the best known settings


def network(row, kind):
    """module.class of a peer's network; Debian's PyTorch has the current one's."""
    return row.tensorflow if kind == "tensorflow" else row.torch


DEEP = dict(until="for ", loss="cross_entropy",
            each="b = mnist.train.next_batch(50); "
                 "KEEP train_step.run(FETCHx=b.images, y_=b.labels, keep_prob=0.5)",
            torch="images.MnistDeep", tensorflow="images.MnistDeep", goal=0.5, quick=True,
            best={"torch": "channels_last,pool_first,fused"})


def answers(size, goal):
    return Row("infer-%d" % size, "inference, batch %d" % size, "mnist_deep.nn", until="for ",
               before="pictures = mnist.test.images[:%d]" % size, each="logits.eval(x=pictures)",
               torch="images.DeepInference%d" % size, tensorflow="images.DeepInference%d" % size,
               goal=goal, quick=size != 50, best={"torch": "channels_last,pool_first"})


FIT = """
run = fit(net, mnist.train, loss=softmax_cross_entropy, optimizer=adam(1e-3),
          metrics={accuracy: accuracy}, batch_size=batch_size, epochs=2, quiet=true)
print(run.history[1].seconds / len(mnist.train.batches(batch_size)))
"""


def batches(size):
    return Row("deep-%d" % size, "deep MNIST step, batch %d" % size, "mnist_deep.nn", until="for ",
               each="b = mnist.train.next_batch(%d); "
                    "train_step.run(x=b.images, y_=b.labels, keep_prob=0.5)" % size,
               torch="images.MnistDeep%d" % size, tensorflow="images.MnistDeep%d" % size)


def made(name, what, until, each, loss="", **more):
    """A model whose data the script makes."""
    if not loss:
        each = each.replace("KEEP ", "").replace("FETCH", "")
    return Row(name, what, name + ".nn", until=until, each=each, loss=loss, data="", **more)


def mnist(name, what, each, loss="cross_entropy", **more):
    """A model of MNIST whose loop goes over epochs: `each` with the batch of so many images."""
    return Row(name, what, name + ".nn", until="for (epoch|step) in", each=each, loss=loss, **more)


def epochs(size, feed, step="train_step", set="mnist.train"):
    return "b = %s.next_batch(%d); KEEP %s.run(FETCH%s)" % (set, size, step, feed)


ROWS = [
    Row("deep", "deep MNIST step, batch 50, from layers", "mnist_deep.nn", plain_malloc=True, **DEEP),
    Row("primitives", "the same from primitives", "mnist_deep_primitives.nn", **DEEP),
    Row("softmax", "softmax-regression step, batch 100", "mnist_softmax.nn", until="for ",
        each="b = mnist.train.next_batch(100); KEEP train_step.run(FETCHx=b.images, y_=b.labels)",
        loss="cross_entropy", torch="images.MnistSoftmax", tensorflow="images.MnistSoftmax",
        goal=0.4, quick=True, best={"torch": "one_thread,fused"}),
    answers(1, 0.2), answers(50, 0.65), answers(1000, 0.65),
    batches(500), batches(5000),
    mnist("mlp", "perceptron of two hidden layers", epochs(100, "x=b.images, digit=b.labels"),
          torch="images.Mlp", tensorflow="images.Mlp"),
    Row("mnist_fit", "one hidden layer, trained by fit", "mnist_fit.nn", until="run = fit",
        whole=FIT, torch="images.MnistFit"),
    mnist("lenet5", "LeNet-5", epochs(64, "x=b.images, digit=b.labels"), band=0.3,
          torch="images.Lenet5", tensorflow="images.Lenet5"),
    mnist("fashion_resnet", "residual network, Fashion-MNIST",
          epochs(64, "x=b.images, kind=b.labels", set="fashion.train"), data="fashion",
          torch="images.FashionResnet", tensorflow="images.FashionResnet"),
    mnist("cifar10", "residual network, CIFAR-10", epochs(64, "b", set="cifar.train"),
          data="cifar10", torch="images.Cifar10"),
    mnist("siamese", "siamese network", epochs(64, "b", set="train"), loss="error",
          torch="images.Siamese"),
    mnist("autoencoder", "autoencoder", epochs(100, "x=b.images"), loss="squared_error",
          torch="images.Autoencoder", tensorflow="images.Autoencoder"),
    mnist("mnist_lstm", "LSTM that reads rows", epochs(100, "x=b.images, y_=b.labels"),
          torch="sequences.MnistLstm"),
    mnist("char_lstm", "LSTM that writes", epochs(64, "b", set="train"), data="",
          torch="sequences.CharLstm"),
    mnist("char_transformer", "transformer that writes", epochs(32, "b", set="train"), data="",
          torch="sequences.CharTransformer", tensorflow="sequences.CharTransformer"),
    mnist("mlp_mixer", "MLP-Mixer", epochs(100, "x=b.images, y_=b.labels"),
          torch="sequences.MlpMixer", tensorflow="sequences.MlpMixer"),
    mnist("vae", "variational autoencoder", epochs(128, "x=b.images"), loss="negative_bound",
          torch="generative.Vae", tensorflow="images.Vae"),
    Row("gan", "generator and discriminator, a step of each", "gan.nn", until="for i in",
        each="b = mnist.train.next_batch(64); "
             "KEEP d_step.run(FETCHreal=b.images, code=random_normal([64, codes])); "
             "g_step.run(code=random_normal([64, codes]))",
        loss="d_loss", band=0.5, torch="generative.Gan"),
    mnist("unet", "U-Net, its images made in the graph", epochs(16, "digits=b.images"),
          torch="generative.Unet"),
    made("mixture_density", "mixture density network", "for name, m",
         "KEEP step.run(FETCHx=train_x, t=train_t)", loss="cost", band=0.3,
         before="loss cost = mean(negative_log_likelihood(many, t))\n"
                "optimizer step = adam(cosine_decay(0.02, steps=steps)).minimize(cost)",
         torch="papers.MixtureDensity"),
    made("neural_ode", "neural ordinary differential equation", "for i in", "KEEP step.run(FETCH)",
         loss="error", band=0.5, torch="papers.NeuralOde"),
    made("maml", "MAML, a gradient through a gradient step", "for i in", "KEEP maml_step.run(FETCH)",
         loss="after_a_step", torch="papers.Maml"),
    made("real_nvp", "RealNVP, its points drawn in the script", "for i in range.steps",
         "KEEP step.run(FETCHx=draw(500))", loss="cost", torch="papers.RealNvp"),
    made("karate_gcn", "graph convolutions of 34 nodes", "for run", "KEEP step.run(FETCH)",
         loss="cost", band=1.0, torch="papers.KarateGcn"),
    made("cart_pole", "REINFORCE, 20 episodes of 500 steps", "print\\(", "KEEP step.run(FETCH)",
         torch="papers.CartPole"),
    made("linear_regression", "a line through six points", "for step",
         "KEEP train_step.run(FETCHaxis_au=known.axis_au, period_years=known.period_years)",
         loss="squared_error", torch="papers.LinearRegression"),
    made("logistic_regression", "a sigmoid through 23 points", "for step",
         "KEEP train_step.run(FETCHtemperature=flights.temperature, distress=flights.distress)",
         loss="surprise", torch="papers.LogisticRegression"),
]
