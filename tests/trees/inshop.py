"""In-Shop Clothes Retrieval, with queries and a gallery."""

from pathlib import Path

from ._images import Maker

ROW = {"graph": "complete", "layer": "published"}


def write(root, train=None, query=None, gallery=None, same=False):
    """Images of each item, training items first; the default is 20 items of 3, then 20 of 1 query and 2 gallery."""
    train, query, gallery = train or [3] * 20, query or [1] * 20, gallery or [2] * 20
    make, lines = Maker(Path(root), same), []
    items = [{"train": count} for count in train]
    items += [{"query": q, "gallery": g} for q, g in zip(query, gallery, strict=True)]
    for item, parts in enumerate(items, start=1):
        shot = 0
        for status, count in parts.items():
            for _ in range(count):
                shot += 1
                path = f"img/WOMEN/Dresses/id_{item:08}/{shot:02}_1_front.jpg"
                make(f"Img/{path}", item)
                lines.append(f"{path:<60} id_{item:08} {status}")
    (Path(root) / "Eval").mkdir(exist_ok=True)
    head = [str(len(lines)), "image_name item_id evaluation_status"]
    (Path(root) / "Eval" / "list_eval_partition.txt").write_text("\n".join([*head, *lines]) + "\n")
    return Path(root)
