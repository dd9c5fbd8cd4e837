"""A frozen graph like Inception's of 2015: its names, its chain from a JPEG on, its old batch normalisation."""

import io
import tarfile

import numpy as np
import tensorflow as tf

GRAPH = "classify_image_graph_def.pb"
FEATURES = 8


def frozen(scaled=False):
    """Return the GraphDef, which was made for one image; `scaled`: whether normalisation multiplies by gamma."""
    rng = np.random.default_rng(0)
    with tf.Graph().as_default() as graph:
        contents = tf.constant(b"", name="DecodeJpeg/contents")
        x = tf.io.decode_jpeg(contents, channels=3, name="DecodeJpeg")
        x = tf.raw_ops.Cast(x=x, DstT=tf.float32, name="Cast")
        x = tf.raw_ops.ExpandDims(input=x, axis=0, name="ExpandDims")
        x = tf.raw_ops.ResizeBilinear(images=x, size=[299, 299], name="ResizeBilinear")
        x = tf.raw_ops.Sub(x=x, y=128.0, name="Sub")
        x = tf.raw_ops.Mul(x=x, y=1 / 128, name="Mul")
        kernel = tf.constant(rng.normal(size=(3, 3, 3, FEATURES)), tf.float32, name="conv/conv2d_params")
        x = tf.nn.conv2d(x, kernel, 8, "VALID", name="conv/Conv2D")
        names = ("moving_mean", "moving_variance", "beta", "gamma")
        numbers = [tf.constant(rng.uniform(0.5, 2, FEATURES), tf.float32, name=f"conv/batchnorm/{n}") for n in names]
        x = tf.identity(x, name="conv/batchnorm")
        x = tf.nn.relu(x, name="conv")
        x = tf.nn.avg_pool2d(x, x.shape[1:3], 1, "VALID", name="pool_3")
        x = tf.reshape(x, [1, FEATURES], name="pool_3/_reshape")
        tf.nn.softmax(x, name="softmax")
    found = graph.as_graph_def(add_shapes=True)
    found.versions.producer = 8  # the last that may have the operation below
    (norm,) = [node for node in found.node if node.name == "conv/batchnorm"]
    norm.op = "BatchNormWithGlobalNormalization"
    norm.input.extend(number.op.name for number in numbers)
    norm.attr["variance_epsilon"].f = 0.001
    norm.attr["scale_after_normalization"].b = scaled
    return found


def packed(content, name=GRAPH):
    """Return a .tgz that holds the graph among other files."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as members:
        for its_name, its in (("LICENSE", b"of others"), (name, content)):
            member = tarfile.TarInfo(its_name)
            member.size = len(its)
            members.addfile(member, io.BytesIO(its))
    return file.getvalue()
