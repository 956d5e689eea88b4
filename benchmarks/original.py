"""Times tokenization-layer 0.0.2 on TensorFlow. Runs in a venv that has these two and nothing of this repository:

    python benchmarks/original.py SETTINGS.json ANSWER.json

The model and the measurements are those of the original's example ("Defining the Model", "Making the Training Loop").
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import tensorflow as tf
import tokenization_layer
from tensorflow import keras


class Classifier(keras.Model):
    """tokenization → embedding → flatten → batch norm → dense → sigmoid."""

    def __init__(self, patterns, hidden):
        super().__init__()
        n_neurons, pattern_lens = patterns.shape[3], patterns.shape[1]
        self.tokenization = tokenization_layer.TokenizationLayer(
            n_neurons, initializer=lambda *_, **__: tf.constant(patterns), pattern_lens=pattern_lens
        )
        self.embedding = tokenization_layer.EmbeddingLayer(embedding_length=1)
        self.flatten = keras.layers.Flatten()
        self.batch_norm = keras.layers.BatchNormalization()
        self.dense = keras.layers.Dense(hidden)
        self.out = keras.layers.Dense(1, activation="sigmoid")

    def stages(self, text, training):
        """Outputs of out, dense, embedding and tokenization, the four that are logged."""
        tokens = self.tokenization(text)  # (B, N, L, 1)
        embedded = self.embedding(tf.transpose(tokens[..., 0], [0, 2, 1]))  # (B, L, 1)
        dense = self.dense(self.batch_norm(self.flatten(embedded), training=training))
        # Squeezed, as in the example: from Keras's own output, the loss would go back past the sigmoid.
        return tf.squeeze(self.out(dense), 1), dense, embedded, tokens

    def call(self, text, training=False):
        return self.stages(text, training)[0]


def loop_ms(model, batches, log):
    """Median of the eager loop's step, its first left out, with both logs but without patterns and display."""
    optimizer, loss_of = keras.optimizers.Adam(), keras.losses.BinaryCrossentropy()
    accuracy = keras.metrics.Accuracy()
    ends = [time.perf_counter()]
    for text, label in batches:
        with tf.GradientTape() as tape:
            stages = model.stages(text, training=True)
            loss = loss_of(label, stages[0])
        gradients = tape.gradient(loss, [*stages, *model.trainable_variables])
        optimizer.apply_gradients(zip(gradients[len(stages) :], model.trainable_variables, strict=True))
        accuracy.update_state(label, tf.round(stages[0]))
        write_row(log, gradients[: len(stages)], gradients[len(stages) :])
        write_row(log, stages, model.trainable_variables)
        ends.append(time.perf_counter())
    return 1000 * median(np.diff(ends)[1:])


def write_row(log, layers, parameters):
    """Mean over everything and std of the batch mean of each layer; mean and std of each parameter but batch norm's."""
    moments = []
    for layer in layers:
        moments += [tf.reduce_mean(layer), tf.math.reduce_std(tf.reduce_mean(layer, axis=0))]
    for index in (6, 7, 4, 5, 1, 0):
        moments += [tf.reduce_mean(parameters[index]), tf.math.reduce_std(parameters[index])]
    log.write(",".join(str(moment.numpy()) for moment in moments) + "\n")


def patterns_ms(model, chars):
    """Decoding all patterns one by one, which the loop does every tenth step."""
    signs = tf.constant(["█", *chars])
    begin = time.perf_counter()
    patterns = model.tokenization.patterns[:, :, 0]  # (C, K, N)
    first = tf.where(tf.reduce_sum(patterns, axis=0) > 0, tf.argmax(patterns, axis=0) + 1, 0)  # (K, N)
    for codes in tf.transpose(first):
        tf.strings.reduce_join(tf.gather(signs, codes)).numpy().decode()
    return 1000 * (time.perf_counter() - begin)


class BatchTimes(keras.callbacks.Callback):
    """Wall time from batch to batch."""

    def __init__(self):
        super().__init__()
        self.times = []

    def on_train_batch_begin(self, *_, **__):
        self.begin = time.perf_counter()

    def on_train_batch_end(self, *_, **__):
        self.times.append(time.perf_counter() - self.begin)


def fit_ms(model, batches):
    """Median step of the compiled `fit` without any logging, its first left out."""
    timer = BatchTimes()
    model.fit(batches, epochs=1, verbose=0, callbacks=[timer])
    return 1000 * median(timer.times[1:])


def pipeline(strings, labels, chars, text_length):
    """Batches made from strings by the package's own one-hot, cut and padded, as in the example."""

    def one_hot(string, label):
        found = tf.cast(tokenization_layer.one_hot_str(string, chars), tf.float32)[:, :text_length]  # (C, length)
        padded = tf.pad(found, [[0, 0], [0, text_length - tf.shape(found)[1]]])
        return tf.reshape(padded, [len(chars), text_length, 1]), label

    texts = tf.data.Dataset.from_tensor_slices((np.ravel(strings), np.ravel(labels).astype("float32"))).map(one_hot)
    return texts.batch(len(labels[0]), drop_remainder=True).prefetch(1)


def one_hot_ms(batches):
    """Median time of a batch of the pipeline alone, its first left out."""
    ends = [time.perf_counter()]
    for _ in batches:
        ends.append(time.perf_counter())
    return 1000 * median(np.diff(ends)[1:])


def measure(settings):
    """Times in ms, with the example's pipeline and on batches that are tensors already; the peak of resident memory."""
    if settings["threads"]:
        tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
    arrays = np.load(settings["arrays"])
    C, L = arrays["patterns"].shape[0], arrays["codes"].shape[2]
    patterns = arrays["patterns"][:, :, None]  # (C, K, 1, N)
    texts = tf.transpose(tf.one_hot(arrays["codes"], C), [0, 1, 3, 2])[..., None]  # (batches, B, C, L, 1)
    ready = tf.data.Dataset.from_tensor_slices((texts, tf.constant(arrays["labels"], tf.float32)))
    made = pipeline(settings["strings"], arrays["labels"], settings["chars"], L)
    eager, compiled = Classifier(patterns, settings["hidden"]), Classifier(patterns, settings["hidden"])
    eager(texts[0])
    compiled(texts[0])
    compiled.compile(optimizer=keras.optimizers.Adam(), loss=keras.losses.BinaryCrossentropy())
    with tempfile.TemporaryFile("w") as log:
        loop, loop_ready = loop_ms(eager, made, log), loop_ms(eager, ready, log)
    decoded = patterns_ms(eager, settings["chars"])
    status = Path("/proc/self/status").read_text() if sys.platform == "linux" else ""
    return {
        "loop_ms": loop + decoded / 10,
        "loop_ready_ms": loop_ready + decoded / 10,
        "patterns_ms": decoded,
        "fit_ms": fit_ms(compiled, made),
        "fit_ready_ms": fit_ms(compiled, ready),
        "one_hot_ms": one_hot_ms(made),
        "tensorflow": tf.__version__,
        "loop_peak_mb": next((int(x.split()[1]) * 1.024e-3 for x in status.splitlines() if "VmHWM" in x), None),
    }


if __name__ == "__main__":
    request, answer = map(Path, sys.argv[1:])
    answer.write_text(json.dumps(measure(json.loads(request.read_text()))))
