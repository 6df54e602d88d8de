"""Fashion-MNIST (Zalando SE, MIT licence): 28 x 28 pictures of clothes, in the form of MNIST."""

from neurochip.datasets._fetch import mirrors_step
from neurochip.datasets._official import Official, as_set
from neurochip.datasets._packages import debian_step

CHECKSUMS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}

GZ_CHECKSUMS = {
    "train-images-idx3-ubyte": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}

MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)

OFFICIAL = Official(
    name="fashion_mnist",
    title="Fashion-MNIST",
    description="pictures of clothes: 60,000 + 10,000 images of 28 x 28, 10 classes",
    n_classes=10,
    n_train=60_000,
    n_test=10_000,
    checksums=CHECKSUMS,
    steps=(
        mirrors_step(MIRRORS, GZ_CHECKSUMS),
        debian_step("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist"),
    ),
)

DATASET = as_set(OFFICIAL)
