"""The cards of the benchmarks: where their files are, what they hold, under which terms, whom to cite."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True)
class Source:
    """One file of a data set.

    Attributes:
        file: Its name.
        makes: The file or folder that it becomes, relative to the root of the data set. For an archive, the last part
            is the folder inside that is taken out; everything beside it is left in.
        url: Where it can be downloaded without a login or a form, or None.
        size: Bytes, or None if not published.
        md5: Its checksum, or None if none is known.
        limit: Bytes that it may become at most.
    """

    file: str
    makes: str
    url: str | None = None
    size: int | None = None
    md5: str | None = None
    limit: int = 8 * GIB


@dataclass(frozen=True)
class Card:
    """What a person wants to know about a data set before using it.

    Attributes:
        name: As in `dataset=NAME`.
        title: Its full name.
        images: How many.
        classes: How many.
        split: In words.
        homepage: Of its authors.
        terms: Licence, in words.
        citation: Of the paper to cite.
        sources: Its files.
        by_hand: What to do where a file cannot be downloaded by a program; empty where all can.
    """

    name: str
    title: str
    images: int
    classes: int
    split: str
    homepage: str
    terms: str
    citation: str
    sources: tuple[Source, ...]
    by_hand: str = ""


CARDS = {
    card.name: card
    for card in (
        Card(
            name="cub",
            title="CUB-200-2011",
            images=11788,
            classes=200,
            split="classes 1-100 to train on (5,864 images), 101-200 to test on (5,924)",
            homepage="https://www.vision.caltech.edu/datasets/cub_200_2011/",
            terms="photographs from Flickr, for non-commercial research and education",
            citation=(
                "Wah, Branson, Welinder, Perona, Belongie: The Caltech-UCSD Birds-200-2011 Dataset. CNS-TR-2011-001"
            ),
            sources=(
                Source(
                    "CUB_200_2011.tgz",
                    "CUB_200_2011",
                    url="https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
                    size=1_150_585_339,
                    md5="97eceeb196236b17998738112f37df78",
                ),
            ),
        ),
        Card(
            name="cars196",
            title="Cars196",
            images=16185,
            classes=196,
            split="classes 1-98 to train on (8,054 images), 99-196 to test on (8,131)",
            homepage="https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
            terms="for non-commercial research and education, under the terms of ImageNet",
            citation="Krause, Stark, Deng, Fei-Fei: 3D Object Representations for Fine-Grained Categorization. 3dRR-13",
            sources=(
                Source("car_ims.tgz", "car_ims", md5="d5c8f0aa497503f355e17dc7886c3f14"),
                Source("cars_annos.mat", "cars_annos.mat", md5="b407c6086d669747186bd1d764ff9dbc"),
            ),
            by_hand=(
                "the authors' server no longer has these files, so a program cannot get them. Get car_ims.tgz (all "
                "16,185 images in one folder) and cars_annos.mat from a copy that you trust; their checksums are known "
                "and checked"
            ),
        ),
        Card(
            name="sop",
            title="Stanford Online Products",
            images=120053,
            classes=22634,
            split="11,318 classes to train on (59,551 images), 11,316 to test on (60,502)",
            homepage="https://cvgl.stanford.edu/projects/lifted_struct/",
            terms="see the file LICENSE inside the archive",
            citation=(
                "Oh Song, Xiang, Jegelka, Savarese: Deep Metric Learning via Lifted Structured Feature Embedding. "
                "CVPR 2016"
            ),
            sources=(
                Source(
                    "Stanford_Online_Products.zip",
                    "Stanford_Online_Products",
                    url="http://ftp.cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip",
                    md5="7f73d41a2f44250d4779881525aea32e",
                ),
            ),
        ),
        Card(
            name="inshop",
            title="In-Shop Clothes Retrieval (DeepFashion)",
            images=52712,
            classes=7982,
            split="3,997 items to train on (25,882 images); 14,218 queries and 12,612 gallery images of 3,985 others",
            homepage="https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html",
            terms="for non-commercial research, under the agreement of DeepFashion",
            citation=(
                "Liu, Luo, Qiu, Wang, Tang: DeepFashion: Powering Robust Clothes Recognition and Retrieval with Rich "
                "Annotations. CVPR 2016"
            ),
            sources=(
                Source("img.zip", "img"),
                Source("list_eval_partition.txt", "Eval/list_eval_partition.txt"),
            ),
            by_hand=(
                "its authors give it out behind an agreement, so a program cannot get it. From the folder 'In-shop "
                "Clothes Retrieval Benchmark' that the homepage leads to, get Img/img.zip and "
                "Eval/list_eval_partition.txt"
            ),
        ),
    )
}
