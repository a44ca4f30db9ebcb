"""Data: splits of labelled images, P x K batches, transforms. One line for each public name."""

from gnn_dml.data.archive import EmojiDataset as EmojiDataset
from gnn_dml.data.archive import emoji_archive as emoji_archive
from gnn_dml.data.cache import CachedImages as CachedImages
from gnn_dml.data.cache import open_cache as open_cache
from gnn_dml.data.cars196 import read_cars196 as read_cars196
from gnn_dml.data.cub import read_cub as read_cub
from gnn_dml.data.decode import read_image as read_image
from gnn_dml.data.files import ImageFiles as ImageFiles
from gnn_dml.data.folder import read_folder as read_folder
from gnn_dml.data.images import ImageDataset as ImageDataset
from gnn_dml.data.images import ImageSplit as ImageSplit
from gnn_dml.data.inshop import read_inshop as read_inshop
from gnn_dml.data.loader import TrainImages as TrainImages
from gnn_dml.data.loader import TrainLoader as TrainLoader
from gnn_dml.data.loader import evaluation_batches as evaluation_batches
from gnn_dml.data.nearest import NearestSampler as NearestSampler
from gnn_dml.data.open_images import open_images as open_images
from gnn_dml.data.photos import PhotoTransforms as PhotoTransforms
from gnn_dml.data.readable import find_unreadable as find_unreadable
from gnn_dml.data.sampler import DistinctSampler as DistinctSampler
from gnn_dml.data.sampler import GroupSampler as GroupSampler
from gnn_dml.data.sampler import RedrawnGroupSampler as RedrawnGroupSampler
from gnn_dml.data.sop import read_sop as read_sop
from gnn_dml.data.table import read_table as read_table
from gnn_dml.data.transforms import DrawingTransforms as DrawingTransforms
from gnn_dml.data.validation import hold_out_classes as hold_out_classes
