#!/bin/sh
# Metrics against scikit-learn's figures, ties and classes that nothing is of among them.
. "$(dirname "$0")/reference.bash"

program() {
    cat "$data/metrics.txt"
    cat <<'END'
fn near(what, ours, theirs) {
  worst = max(abs(cast(ours, float64) - constant(theirs, dtype=float64)))
  assert(ours.shape == constant(theirs).shape and worst < 1e-6, "{what}: {ours} is not {theirs}")
}
z = constant(logits, dtype=DTYPE)
digit = cast(labels, int)
guess = argmax(z, axis=1)
s = constant(scores, dtype=DTYPE)
answer = constant(yes, dtype=DTYPE)
near("accuracy", mean(accuracy(z, digit)), accuracy_)
near("accuracy, one-hot", mean(accuracy(z, one_hot(digit, 5))), accuracy_)
near("accuracy of classes", mean(accuracy(guess, digit)), accuracy_)
near("binary_accuracy", mean(binary_accuracy(0)(s, answer)), accuracy_yes)
near("binary_accuracy, bools", mean(binary_accuracy(0)(s, answer > 0)), accuracy_yes)
near("top 2", mean(top_k_accuracy(2)(z, digit)), top_2)
near("top 3, one-hot", mean(top_k_accuracy(3)(z, one_hot(digit, 5))), top_3)
near("confusion_matrix", confusion_matrix()(z, digit), confusion)
near("confusion_matrix of classes", confusion_matrix(5)(guess, digit), confusion)
near("confusion_matrix of a threshold", confusion_matrix(threshold=0)(s, answer), confusion_yes)
near("auc", auc(s, answer), auc_)
near("auc, bools", auc(s, answer > 0), auc_)
near("auc of few scores", auc(round(s), answer), auc_halves)
near("auc of one score", auc(zeros_like(s), answer), auc_constant)
t = constant(target, dtype=DTYPE)
p = constant(predicted, dtype=DTYPE)
near("mean_absolute_error", mean(mean_absolute_error(p, t)), mae_)
near("r2", r2(p, t), r2_)
near("r2 of one output", r2(p[:, 0], t[:, 0]), r2_first)
near("r2 of targets that do not vary", r2(constant(guessed, dtype=DTYPE), constant(flat, dtype=DTYPE)), r2_flat)
END
    for score in precision recall f1; do
        echo "near(\"$score\", $score()(z, digit), ${score}_each)"
        for average in macro micro weighted; do
            echo "near(\"$score, $average\", $score(average=\"$average\")(z, digit), ${score}_$average)"
        done
        echo "near(\"$score of a threshold\", $score(threshold=0)(s, answer), ${score}_yes)"
        echo "near(\"$score of none\", $score(threshold=10)(s, answer), ${score}_never)"
    done
}

for dtype in float64 float; do
    program | sed "s/DTYPE/$dtype/g" | holds "$dtype"
done
