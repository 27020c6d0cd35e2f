"""The table of what is measured: a row, an entry.

`each` is a step of the row in the script's own names. In it KEEP and FETCH stand for nothing while
steps are timed, and for what adds the loss up while it is looked whether the network learns.
"""
import dataclasses


@dataclasses.dataclass
class Row:
    name: str
    what: str                     # for the table
    script: str = ""              # of models/; until: where the script's own loop begins
    until: str = ""
    before: str = ""              # statements before the loop
    each: str = ""                # statements of a step
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


ROWS = [
    Row("deep", "deep MNIST step, batch 50, from layers", "mnist_deep.nn", **DEEP),
    Row("primitives", "the same from primitives", "mnist_deep_primitives.nn", **DEEP),
    Row("softmax", "softmax-regression step, batch 100", "mnist_softmax.nn", until="for ",
        each="b = mnist.train.next_batch(100); KEEP train_step.run(FETCHx=b.images, y_=b.labels)",
        loss="cross_entropy", torch="images.MnistSoftmax", tensorflow="images.MnistSoftmax",
        goal=0.4, quick=True, best={"torch": "one_thread,fused"}),
    answers(1, 0.2), answers(50, 0.65), answers(1000, 0.65),
]
