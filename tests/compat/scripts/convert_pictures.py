"""Folders of pictures to TFRecord shards and a file of labels: a script of the kind of slim's.

It was written for the tests, in the manner of TensorFlow 1.
"""

import math
import os
import random
import sys

import tensorflow.compat.v1 as tf

tf.app.flags.DEFINE_string("dataset_dir", None, "Has pictures/CLASS/NAME.jpg; gets the shards.")
tf.app.flags.DEFINE_integer("num_shards", 3, "Of each split.")
tf.app.flags.DEFINE_integer("num_validation", 4, "Pictures in the validation set.")
tf.app.flags.DEFINE_boolean("keep_pictures", True, "Whether to leave the pictures.")
tf.app.flags.DEFINE_enum("image_format", "jpg", ["jpg", "png"], "The suffix of the pictures.")
FLAGS = tf.app.flags.FLAGS

RANDOM_SEED = 0
LABELS_FILENAME = "labels.txt"


class ImageReader:
    """Tells the dimensions of JPEG data."""

    def read_image_dims(self, image_data):
        image = tf.image.decode_jpeg(image_data, channels=3)
        assert len(image.shape) == 3
        assert image.shape[2] == 3
        return image.shape[0], image.shape[1]


def int64_feature(values):
    if not isinstance(values, (tuple, list)):
        values = [values]
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def bytes_feature(values):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[values]))


def image_to_tfexample(image_data, image_format, height, width, class_id):
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                "image/encoded": bytes_feature(image_data),
                "image/format": bytes_feature(image_format),
                "image/class/label": int64_feature(class_id),
                "image/height": int64_feature(height),
                "image/width": int64_feature(width),
            }
        )
    )


def find_pictures(dataset_dir):
    root = os.path.join(dataset_dir, "pictures")
    paths, class_names = [], []
    for name in sorted(tf.gfile.ListDirectory(root)):
        folder = os.path.join(root, name)
        if tf.gfile.IsDirectory(folder):
            class_names.append(name)
            pattern = os.path.join(folder, "*." + FLAGS.image_format)
            paths.extend(sorted(tf.gfile.Glob(pattern)))
    return paths, class_names


def shard_name(dataset_dir, split_name, shard_id):
    name = "pictures_%s_%05d-of-%05d.tfrecord" % (split_name, shard_id, FLAGS.num_shards)
    return os.path.join(dataset_dir, name)


def convert_dataset(split_name, paths, class_ids, dataset_dir):
    per_shard = int(math.ceil(len(paths) / float(FLAGS.num_shards)))
    reader = ImageReader()
    for shard_id in range(FLAGS.num_shards):
        output = shard_name(dataset_dir, split_name, shard_id)
        with tf.python_io.TFRecordWriter(output) as writer:
            for i in range(shard_id * per_shard, min((shard_id + 1) * per_shard, len(paths))):
                sys.stdout.write("\r>> Converting image %d/%d" % (i + 1, len(paths)))
                sys.stdout.flush()
                image_data = tf.gfile.FastGFile(paths[i], "rb").read()
                height, width = reader.read_image_dims(image_data)
                class_id = class_ids[os.path.basename(os.path.dirname(paths[i]))]
                example = image_to_tfexample(image_data, b"jpg", height, width, class_id)
                writer.write(example.SerializeToString())
    sys.stdout.write("\n")


def write_label_file(labels, dataset_dir):
    with tf.gfile.Open(os.path.join(dataset_dir, LABELS_FILENAME), "w") as f:
        for label in labels:
            f.write("%d:%s\n" % (label, labels[label]))


def run(dataset_dir):
    if not tf.gfile.Exists(dataset_dir):
        tf.gfile.MakeDirs(dataset_dir)
    if tf.gfile.Exists(shard_name(dataset_dir, "train", 0)):
        tf.logging.warn("Dataset files already exist. Exiting without making them again.")
        return
    paths, class_names = find_pictures(dataset_dir)
    class_ids = dict(zip(class_names, range(len(class_names))))
    random.seed(RANDOM_SEED)
    random.shuffle(paths)
    convert_dataset("train", paths[FLAGS.num_validation :], class_ids, dataset_dir)
    convert_dataset("validation", paths[: FLAGS.num_validation], class_ids, dataset_dir)
    write_label_file(dict(zip(range(len(class_names)), class_names)), dataset_dir)
    if not FLAGS.keep_pictures:
        tf.gfile.DeleteRecursively(os.path.join(dataset_dir, "pictures"))
    print("Finished converting the dataset!")


def main(_):
    if not FLAGS.dataset_dir:
        raise ValueError("You must supply the dataset directory with --dataset_dir")
    run(FLAGS.dataset_dir)


if __name__ == "__main__":
    tf.app.run()
