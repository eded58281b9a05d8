"""Masked sentences for a language model, written to TFRecord files: a script of BERT's kind.

It was written for the tests, in the manner of TensorFlow 1.
"""

import collections
import random

import tensorflow.compat.v1 as tf

flags = tf.flags
FLAGS = flags.FLAGS

flags.DEFINE_string("input_file", None, "Text files, with commas between them; globs are allowed.")
flags.DEFINE_string("output_file", None, "TFRecord files, with commas between them.")
flags.DEFINE_string("vocab_file", None, "A word on each line.")
flags.DEFINE_bool("do_lower_case", True, "Whether to lower the case of the text.")
flags.DEFINE_integer("max_seq_length", 16, "Words in an example.")
flags.DEFINE_integer("max_predictions_per_seq", 4, "Masked words in an example, at most.")
flags.DEFINE_integer("random_seed", 12345, "For the masks.")
flags.DEFINE_float("masked_lm_prob", 0.15, "Share of the words that are masked.")

Instance = collections.namedtuple("Instance", ["tokens", "segments", "positions", "labels", "next"])


def read_vocabulary(path):
    words = collections.OrderedDict()
    with tf.gfile.GFile(path, "r") as reader:
        while True:
            line = reader.readline()
            if not line:
                return words
            words[line.strip()] = len(words)


def read_documents(paths):
    documents = [[]]
    for path in paths:
        with tf.gfile.GFile(path, "r") as reader:
            for line in reader:
                words = line.strip()
                if FLAGS.do_lower_case:
                    words = words.lower()
                if words:
                    documents[-1].append(words.split())
                else:
                    documents.append([])
    return [document for document in documents if document]


def make_instance(first, second, is_next, vocabulary, rng):
    length = (FLAGS.max_seq_length - 3) // 2
    first, second = first[:length], second[:length]
    tokens = ["[CLS]", *first, "[SEP]", *second, "[SEP]"]
    segments = [0] * (len(first) + 2) + [1] * (len(second) + 1)
    places = [i for i, token in enumerate(tokens) if token not in ("[CLS]", "[SEP]")]
    rng.shuffle(places)
    wanted = max(1, int(round(len(tokens) * FLAGS.masked_lm_prob)))
    positions = sorted(places[: min(FLAGS.max_predictions_per_seq, wanted)])
    labels = [tokens[i] for i in positions]
    for i in positions:
        if rng.random() < 0.8:
            tokens[i] = "[MASK]"
        elif rng.random() < 0.5:
            tokens[i] = rng.choice(list(vocabulary))
    return Instance(tokens, segments, positions, labels, is_next)


def make_instances(documents, vocabulary, rng):
    instances = []
    for document in documents:
        for i in range(len(document) - 1):
            is_next = rng.random() < 0.5
            second = document[i + 1] if is_next else rng.choice(rng.choice(documents))
            instances.append(make_instance(document[i], second, is_next, vocabulary, rng))
    rng.shuffle(instances)
    return instances


def int_feature(values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=list(values)))


def float_feature(values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=list(values)))


def padded(values, length):
    assert len(values) <= length
    return list(values) + [0] * (length - len(values))


def write_instances(instances, vocabulary, paths):
    unknown = vocabulary["[UNK]"]
    writers = [tf.python_io.TFRecordWriter(path) for path in paths]
    for number, instance in enumerate(instances):
        ids = [vocabulary.get(token, unknown) for token in instance.tokens]
        masked = [vocabulary.get(label, unknown) for label in instance.labels]
        most = FLAGS.max_predictions_per_seq
        features = collections.OrderedDict()
        features["input_ids"] = int_feature(padded(ids, FLAGS.max_seq_length))
        features["input_mask"] = int_feature(padded([1] * len(ids), FLAGS.max_seq_length))
        features["segment_ids"] = int_feature(padded(instance.segments, FLAGS.max_seq_length))
        features["masked_lm_positions"] = int_feature(padded(instance.positions, most))
        features["masked_lm_ids"] = int_feature(padded(masked, most))
        features["masked_lm_weights"] = float_feature(padded([1.0] * len(masked), most))
        features["next_sentence_labels"] = int_feature([0 if instance.next else 1])
        example = tf.train.Example(features=tf.train.Features(feature=features))
        writers[number % len(writers)].write(example.SerializeToString())
        if number < 2:
            tf.logging.info("*** Example ***")
            tf.logging.info("tokens: %s" % " ".join(instance.tokens))
            for name, feature in features.items():
                values = feature.int64_list.value or feature.float_list.value
                tf.logging.info("%s: %s" % (name, " ".join(str(value) for value in values)))
    for writer in writers:
        writer.close()
    tf.logging.info("Wrote %d total instances", len(instances))


def main(_):
    tf.logging.set_verbosity(tf.logging.INFO)
    vocabulary = read_vocabulary(FLAGS.vocab_file)
    inputs = []
    for pattern in FLAGS.input_file.split(","):
        inputs.extend(sorted(tf.gfile.Glob(pattern)))
    tf.logging.info("*** Reading from input files ***")
    for path in inputs:
        tf.logging.info("  %s", path)
    rng = random.Random(FLAGS.random_seed)
    instances = make_instances(read_documents(inputs), vocabulary, rng)
    write_instances(instances, vocabulary, FLAGS.output_file.split(","))


if __name__ == "__main__":
    flags.mark_flag_as_required("input_file")
    flags.mark_flag_as_required("output_file")
    flags.mark_flag_as_required("vocab_file")
    tf.app.run()
